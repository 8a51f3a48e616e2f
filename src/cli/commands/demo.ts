import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { writeStderr } from "../../runner/stderr.ts";
import { signatureOf } from "../../server/triggers/signature.ts";
import { type Command, type Context, writeErr, writeOut } from "../command.ts";
import { newApi } from "../api-client.ts";
import { chooseEngine } from "../demo-engine.ts";
import { followRun } from "../follow.ts";
import { openHome } from "../home.ts";
import { openLog } from "../log.ts";
import { openControlPlane, readPort } from "../listen.ts";
import { openLocalRunner } from "../local-runner.ts";
import { Started } from "../run-json.ts";
import { newStepOutput } from "../step-output.ts";
import { summarize } from "../summary.ts";
import { aborted } from "./server.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples", import.meta.url));
const Made = v.object({ token: v.string() });
const Hmac = v.object({ hmacSecret: v.string() });

export const command: Command = {
  usage: "demo [--port PORT] [--once]",
  summary:
    "Starts control plane and runner on an embedded database, loads the example workflows, fires a signed webhook at\n" +
    "itself and shows what happened. Uses Podman or Docker when one answers. State is kept in .dagu/ of this folder.",
  examples: ["dagu demo --port 9000"],
  options: {
    port: { type: "string", short: "p", value: "PORT", help: "port to listen on (default 8080; 0: any)" },
    once: { type: "boolean", help: "end after the run" },
  },
  arguments: [0, 0],
  ownsInterrupts: true,
  run: async (context) => {
    const port = readPort(context.flags.text("port") ?? "8080");
    const env = await chooseEngine(context.env);
    const home = await openHome({
      ...env.variables,
      DAGU_HOME: context.env["DAGU_HOME"] ?? join(Deno.cwd(), ".dagu"),
    });
    const log = { ...openLog(context.env), info: () => {} };
    writeErr(`1. The control plane, on an embedded Postgres below ${home.dir}`);
    await using plane = await openControlPlane({
      home,
      env: {},
      log,
      auth: { kind: "none" },
      at: { hostname: "127.0.0.1", port },
      dagsDir: EXAMPLES,
    });
    const { host, url } = plane;
    writeErr(`   ${url}, with the workflows ${plane.folder.names.join(", ")}`);
    writeErr(`2. A runner in the same process. ${env.sentence}`);
    const runner = await openLocalRunner({
      plane: host,
      home,
      env: env.variables,
      log,
      capacity: 2,
      once: false,
    });
    const running = runner.run(context.interrupts.first);
    const isGood = await fireWebhook(
      context,
      url,
      plane.token,
      env.hasEngine ? "sandboxed-webhook" : "webhook",
    );
    if (context.flags.has("once")) runner.drain();
    else {
      writeErr(`\nLook around: ${url}/runs. Ctrl-C ends it.`);
      await aborted(context.interrupts.first);
    }
    await running;
    return isGood ? 0 : 1;
  },
};

/** As a stranger would: a token, a signature over the raw body, one POST. */
async function fireWebhook(context: Context, url: string, token: string, workflow: string): Promise<boolean> {
  const api = newApi({ url, token, fetch });
  const path = `/dags/${workflow}/webhook`;
  const made = v.parse(Made, await api.post(path, {}).catch(() => api.post(`${path}/regenerate`, {})));
  const { hmacSecret } = v.parse(Hmac, await api.post(`${path}/hmac/enable`, { authMode: "token_and_hmac" }));
  const body = JSON.stringify({ greeting: "hello from a webhook" });
  const signature = await signatureOf(hmacSecret, new TextEncoder().encode(body));
  writeErr(`3. A webhook for ${workflow}, and a signed request to it:`);
  writeErr(`   POST ${url}/api/v1/webhooks/${workflow}`);
  writeErr(
    `   Authorization: Bearer ${made.token.slice(0, 12)}...  X-Dagu-Signature: ${signature.slice(0, 20)}...`,
  );
  const response = await fetch(`${url}/api/v1/webhooks/${workflow}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${made.token}`,
      "X-Dagu-Signature": signature,
      "X-Source": "demo",
      "Content-Type": "application/json",
    },
    body,
    signal: context.interrupts.first,
  });
  const answer: unknown = await response.json();
  writeErr(`   ${response.status} ${JSON.stringify(answer)}`);
  const { dagName, dagRunId } = v.parse(Started, answer);
  writeErr(`4. The run, live: ${url}/runs/${dagName}/${dagRunId}`);
  const details = await followRun(api, { name: dagName, dagRunId }, {
    output: newStepOutput(writeStderr),
    signal: context.interrupts.first,
  });
  writeOut(summarize(details));
  return details.statusLabel === "succeeded";
}
