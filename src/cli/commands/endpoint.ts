import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, UserError, writeErr, writeOut } from "../command.ts";

const Endpoint = v.object({
  name: v.string(),
  kind: v.string(),
  url: v.string(),
  repos: v.array(v.string()),
  forkPolicy: v.string(),
});
const Created = v.object({ endpoint: Endpoint, secret: v.string() });
const List = v.object({ endpoints: v.array(Endpoint) });

export const command: Command = {
  usage: "endpoint create|list [NAME]",
  summary: "Makes the place where GitHub sends its events, or lists them. The secret is shown this once.",
  options: {
    repo: {
      type: "string",
      multiple: true,
      value: "GLOB",
      help: "repositories that may send (repeatable; default: all)",
    },
    forks: {
      type: "string",
      value: "POLICY",
      help: "pull requests from forks: approval (default), ignore, run-untrusted",
    },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 2],
  run: async (context) => {
    const [verb, name] = context.positionals;
    await using connection = await connect(context);
    if (verb === "list") {
      const { endpoints } = v.parse(List, await connection.api.get("/endpoints"));
      for (const one of endpoints) {
        writeOut(`${one.name}\t${one.kind}\t${one.url}\t${one.repos.join(",") || "*"}\t${one.forkPolicy}`);
      }
      return 0;
    }
    if (verb !== "create" || name === undefined) {
      throw new UserError("Usage: dagu endpoint create NAME | dagu endpoint list");
    }
    const answer = await connection.api.post("/endpoints", {
      name,
      kind: "github",
      repos: context.flags.texts("repo"),
      ...(context.flags.text("forks") === null ? {} : { forkPolicy: context.flags.text("forks") }),
    });
    const { endpoint, secret } = v.parse(Created, answer);
    writeOut(`url: ${endpoint.url}\nsecret: ${secret}`);
    writeErr("In GitHub: Settings, Webhooks, Add webhook; content type application/json; paste both.");
    return 0;
  },
};
