import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { timeText } from "./run-list.ts";
import { tellTable } from "./table.ts";
import { own } from "../../workflow/own.ts";

const Created = v.object({ token: v.string() });
const Enabled = v.object({ hmacSecret: v.string() });
const Webhooks = v.object({
  webhooks: v.array(v.object({
    dagName: v.string(),
    enabled: v.boolean(),
    authMode: v.string(),
    lastUsedAt: v.optional(v.string(), ""),
  })),
});
const EFFECTS: Readonly<Record<string, string>> = {
  disable: "is answered 403 from now on; dagu webhook enable NAME ends that",
  enable: "starts its workflow again",
  delete: "is gone, and its credentials with it",
};

export const command: Command = {
  usage: "webhook [create NAME [--hmac] | list | renew NAME | disable NAME | enable NAME | delete NAME]",
  summary:
    "Makes a stored workflow startable by POST /api/v1/webhooks/NAME. The token (and secret) are shown this once; renew gives\n" +
    "it another token, and the old one is refused at once. Times are UTC.",
  examples: [
    "dagu webhook create orders --hmac",
    "dagu webhook renew orders",
  ],
  options: {
    hmac: { type: "boolean", help: "with create: also ask for X-Dagu-Signature: sha256=HMAC of the body" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", name] = context.positionals;
    const effect = own(EFFECTS, verb);
    const isNamed = effect !== undefined || verb === "create" || verb === "renew";
    if (isNamed !== (name !== undefined) || !isNamed && verb !== "list") {
      throw new UserError(`Usage: dagu ${command.usage}`);
    }
    await using connection = await connect(context);
    const { api } = connection;
    if (name === undefined) return await list(context, api);
    const path = `/dags/${encodeURIComponent(name)}/webhook`;
    if (effect !== undefined) {
      if (verb === "delete") await api.delete(path);
      else await api.post(`${path}/toggle`, { enabled: verb === "enable" });
      if (!context.flags.has("quiet")) writeErr(`webhook ${name} ${effect}`);
      return 0;
    }
    const { token } = v.parse(Created, await api.post(verb === "renew" ? `${path}/regenerate` : path, {}));
    const secret = verb === "create" && context.flags.has("hmac")
      ? v.parse(Enabled, await api.post(`${path}/hmac/enable`, { authMode: "token_and_hmac" })).hmacSecret
      : null;
    writeErr(`POST ${api.url}/api/v1/webhooks/${name}`);
    writeOut(`token: ${token}${secret === null ? "" : `\nhmac-secret: ${secret}`}`);
    return 0;
  },
};

async function list(context: Context, api: Api): Promise<number> {
  const { webhooks } = v.parse(Webhooks, await api.get("/webhooks"));
  tellTable(
    context,
    ["NAME", "STATE", "ASKS FOR", "LAST USED (UTC)"],
    webhooks.map(({ dagName, enabled, authMode, lastUsedAt }) => [
      dagName,
      enabled ? "enabled" : "disabled",
      authMode,
      lastUsedAt === "" ? "-" : timeText(lastUsedAt),
    ]),
    "there is no webhook; see: dagu webhook create NAME",
  );
  return 0;
}
