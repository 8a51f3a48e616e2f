import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, UserError, writeErr, writeOut } from "../command.ts";

const Created = v.object({ token: v.string() });
const Enabled = v.object({ hmacSecret: v.string() });

export const command: Command = {
  usage: "webhook create NAME [--hmac]",
  summary:
    "Makes a stored workflow startable by POST /api/v1/webhooks/NAME. The token (and secret) are shown this once.",
  options: {
    hmac: { type: "boolean", help: "also ask for X-Dagu-Signature: sha256=HMAC of the body" },
    ...CONNECT_OPTIONS,
  },
  arguments: [2, 2],
  run: async (context) => {
    const [verb, name = ""] = context.positionals;
    if (verb !== "create") {
      throw new UserError(`unknown: webhook ${verb}\nUsage: dagu webhook create NAME [--hmac]`);
    }
    await using connection = await connect(context);
    const path = `/dags/${encodeURIComponent(name)}/webhook`;
    const { token } = v.parse(Created, await connection.api.post(path, {}));
    const secret = context.flags.has("hmac")
      ? v.parse(Enabled, await connection.api.post(`${path}/hmac/enable`, { authMode: "token_and_hmac" }))
        .hmacSecret
      : null;
    writeErr(`POST ${connection.api.url}/api/v1/webhooks/${name}`);
    writeOut(`token: ${token}${secret === null ? "" : `\nhmac-secret: ${secret}`}`);
    return 0;
  },
};
