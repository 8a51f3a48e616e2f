import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { tellTable } from "./table.ts";

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
  usage: "endpoint [create NAME | list | rotate NAME | delete NAME]",
  summary:
    "Makes the place where GitHub sends its events, or lists them. The secret is shown this once; rotate makes another one.",
  examples: ["dagu endpoint create shop --repo 'acme/*' --forks approval"],
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
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", name] = context.positionals;
    const isNamed = ["create", "rotate", "delete"].includes(verb);
    if (isNamed !== (name !== undefined) || !isNamed && verb !== "list") {
      throw new UserError(`Usage: dagu ${command.usage}`);
    }
    await using connection = await connect(context);
    const { api } = connection;
    if (name === undefined) return await list(context, api);
    const path = `/endpoints/${encodeURIComponent(name)}`;
    if (verb === "delete") {
      await api.delete(path);
      if (!context.flags.has("quiet")) writeErr(`endpoint ${name} is gone; delete it in GitHub too`);
      return 0;
    }
    const answer = verb === "rotate" ? await api.post(`${path}/rotate`, {}) : await api.post("/endpoints", {
      name,
      kind: "github",
      repos: context.flags.texts("repo"),
      ...(context.flags.text("forks") === null ? {} : { forkPolicy: context.flags.text("forks") }),
    });
    const { endpoint, secret } = v.parse(Created, answer);
    writeOut(`url: ${endpoint.url}\nsecret: ${secret}`);
    writeErr("In GitHub: Settings, Webhooks; content type application/json; paste both.");
    return 0;
  },
};

async function list(context: Context, api: Api): Promise<number> {
  const { endpoints } = v.parse(List, await api.get("/endpoints"));
  tellTable(
    context,
    ["NAME", "KIND", "REPOSITORIES", "FORKS", "URL"],
    endpoints.map(({ name, kind, repos, forkPolicy, url }) => [
      name,
      kind,
      repos.join(",") || "*",
      forkPolicy,
      url,
    ]),
    "there is no endpoint; see: dagu endpoint create NAME",
  );
  return 0;
}
