import { type Command, writeErr } from "../command.ts";
import { LISTEN_OPTIONS, openControlPlane, readControlPlane } from "../listen.ts";
import { openLocalRunner, readCapacity, settleLeftSeats } from "../local-runner.ts";
import { runUntilInterrupted } from "./worker.ts";

export const command: Command = {
  usage: "start-all [--host ADDRESS] [--port PORT] [--dags DIR]",
  summary:
    "Runs the control plane and a runner in one process. Needs nothing set up: the database is embedded below\n" +
    "$DAGU_HOME, unless DATABASE_URL names a Postgres.",
  examples: [
    "dagu start-all --dags ./workflows",
    "DATABASE_URL=postgres://dagu@db/dagu dagu start-all --port 9000",
  ],
  options: LISTEN_OPTIONS,
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async (context) => {
    const options = await readControlPlane(context);
    await using plane = await openControlPlane(options);
    const { home, env, log } = options;
    const capacity = readCapacity(env);
    const runner = await openLocalRunner({ plane: plane.host, home, env, log, capacity, once: false });
    writeErr(`dagu start-all on ${plane.url}`);
    const settling = settleLeftSeats({ plane: plane.host, home, env, log }, home.runnerDir);
    const code = await runUntilInterrupted(runner, context);
    await settling;
    return code;
  },
};
