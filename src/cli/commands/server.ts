import { type Command, writeErr } from "../command.ts";
import { LISTEN_OPTIONS, openControlPlane, readControlPlane } from "../listen.ts";

export const command: Command = {
  usage: "server [--host ADDRESS] [--port PORT] [--dags DIR]",
  summary:
    "Runs the control plane: API, pages, webhooks, jobs. It executes nothing: start runners with dagu worker.\n" +
    "DATABASE_URL names its Postgres; without it, an embedded database below $DAGU_HOME.",
  examples: ["DATABASE_URL=postgres://dagu@db/dagu DAGU_AUTH_MODE=token dagu server --host 0.0.0.0"],
  options: LISTEN_OPTIONS,
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async (context) => {
    const options = await readControlPlane(context);
    await using plane = await openControlPlane(options);
    writeErr(`dagu server on ${plane.url}`);
    await aborted(context.interrupts.first);
    options.log.info("server ends");
    return 0;
  },
};

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
