import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { readValue } from "./secret-value.ts";
import { tellTable } from "./table.ts";

const Endpoint = v.object({
  name: v.string(),
  kind: v.string(),
  url: v.string(),
  repos: v.array(v.string()),
  forkPolicy: v.string(),
  reports: v.boolean(),
  problem: v.string(),
});
const Connected = v.object({ endpoint: Endpoint, warning: v.string() });
const Created = v.object({ endpoint: Endpoint, secret: v.string() });
const List = v.object({ endpoints: v.array(Endpoint) });

const NAMED = ["create", "rotate", "connect", "disconnect", "delete"];

export const command: Command = {
  usage: "endpoint [create NAME | list | rotate NAME | connect NAME | disconnect NAME | delete NAME]",
  summary:
    "Makes the place where GitHub sends its events, or lists them. The secret is shown this once; rotate makes another one.\n" +
    "connect reads a token of GitHub's API from stdin: from then on each commit shows what became of its runs, until\n" +
    "disconnect. The token needs the right to write commit statuses, and nothing else.",
  examples: [
    "dagu endpoint create shop --repo 'acme/*' --forks approval",
    "dagu endpoint connect shop < github-token.txt",
  ],
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
    "value-file": {
      type: "string",
      value: "FILE",
      help: "with connect: where the token is, instead of stdin",
    },
    context: {
      type: "string",
      value: "TEMPLATE",
      help:
        "with connect: name of a commit's status, with {workflow}, {event}, {block} (default: dagu/{workflow})",
    },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", name] = context.positionals;
    const isNamed = NAMED.includes(verb);
    if (isNamed !== (name !== undefined) || !isNamed && verb !== "list") {
      throw new UserError(`Usage: dagu ${command.usage}`);
    }
    const isQuiet = context.flags.has("quiet");
    const token = verb === "connect" ? await readValue(context.flags.text("value-file")) : "";
    await using connection = await connect(context);
    const { api } = connection;
    if (name === undefined) return await list(context, api);
    const path = `/endpoints/${encodeURIComponent(name)}`;
    if (verb === "connect") {
      const body = { token, context: context.flags.text("context") ?? "" };
      const { warning } = v.parse(Connected, await api.put(`${path}/connection`, body));
      if (warning !== "") writeErr(`warning: ${warning}`);
      if (!isQuiet) writeErr(`endpoint ${name} tells GitHub what becomes of its commits`);
      return 0;
    }
    if (verb === "disconnect") {
      await api.delete(`${path}/connection`);
      if (!isQuiet) {
        writeErr(`endpoint ${name} tells GitHub nothing any more; delete the token in GitHub too`);
      }
      return 0;
    }
    if (verb === "delete") {
      await api.delete(path);
      if (!isQuiet) writeErr(`endpoint ${name} is gone; delete it in GitHub too`);
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
    ["NAME", "KIND", "REPOSITORIES", "FORKS", "STATUSES", "URL"],
    endpoints.map(({ name, kind, repos, forkPolicy, reports, problem, url }) => [
      name,
      kind,
      repos.join(",") || "*",
      forkPolicy,
      !reports ? "no" : problem === "" ? "yes" : `failing: ${problem}`,
      url,
    ]),
    "there is no endpoint; see: dagu endpoint create NAME",
  );
  return 0;
}
