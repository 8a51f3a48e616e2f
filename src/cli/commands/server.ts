import { type Command, writeErr } from "../command.ts";
import { openDagsFolder } from "../dags-folder.ts";
import { openHome, writeServerRecord } from "../home.ts";
import { openHost, openLog } from "../host.ts";
import { listen, LISTEN_OPTIONS, readAuth, readListen } from "../listen.ts";
import { createApiToken } from "../../server/access/tokens.ts";

export const command: Command = {
  usage: "server [--host ADDRESS] [--port PORT] [--dags DIR]",
  summary:
    "Runs the control plane: API, pages, webhooks, jobs. It executes nothing: start runners with dagu worker.\n" +
    "DATABASE_URL names its Postgres; without it, an embedded database below $DAGU_HOME.",
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
    writeErr(`dagu server on ${server.url}`);
    await aborted(context.interrupts.first);
    log.info("server ends");
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
