import { createApiToken } from "../../server/access/tokens.ts";
import { type Command, writeErr } from "../command.ts";
import { openDagsFolder } from "../dags-folder.ts";
import { openHome, writeServerRecord } from "../home.ts";
import { openHost, openLog } from "../host.ts";
import { listen, LISTEN_OPTIONS, readAuth, readListen } from "../listen.ts";
import { openLocalRunner, readCapacity } from "../local-runner.ts";
import { runUntilInterrupted } from "./worker.ts";

export const command: Command = {
  usage: "start-all [--host ADDRESS] [--port PORT] [--dags DIR]",
  summary:
    "Runs the control plane and a runner in one process. Needs nothing set up: the database is embedded below\n" +
    "$DAGU_HOME, unless DATABASE_URL names a Postgres.",
  options: LISTEN_OPTIONS,
  arguments: [0, 0],
  run: async (context) => {
    const { env } = context;
    const log = openLog(env);
    const home = await openHome(env);
    const at = readListen(context);
    const auth = readAuth(env, at.hostname);
    await using host = await openHost({ home, env, log, auth });
    await using _folder = await openDagsFolder(
      host.ports,
      context.flags.text("dags") ?? env["DAGU_DAGS_DIR"] ?? home.dagsDir,
    );
    await using server = listen(host, at);
    const { token } = await createApiToken(host.ports, "local commands", null);
    await using _record = await writeServerRecord(home, { url: server.url, token, pid: Deno.pid });
    const runner = await openLocalRunner({ host, home, env, log, capacity: readCapacity(env), once: false });
    writeErr(`dagu start-all on ${server.url}`);
    return await runUntilInterrupted(runner, context);
  },
};
