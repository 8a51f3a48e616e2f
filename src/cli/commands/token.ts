import * as v from "valibot";
import type { Api } from "../api-client.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Context, UserError, writeErr, writeOut } from "../command.ts";
import { timeText } from "./run-list.ts";
import { tellTable } from "./table.ts";

const Made = v.object({ token: v.string(), expiresAt: v.string() });
const Tokens = v.object({
  apiTokens: v.array(v.object({
    id: v.string(),
    name: v.string(),
    createdAt: v.string(),
    expiresAt: v.string(),
    revoked: v.boolean(),
  })),
});

export const command: Command = {
  usage: "token [create [NAME] | runner | list | revoke ID]",
  summary:
    "create makes an API token, runner a registration token that admits runners: shown this once, on stdout. list shows the\n" +
    "API tokens, without their texts; revoke ends one at once. Times are UTC.",
  examples: [
    "dagu token create ci --hours 720",
    "dagu token runner --uses 5 --capacity 4",
    "dagu token revoke 01a22bd7-1567-76a9-9712-0dd74e20fbb7",
  ],
  options: {
    hours: {
      type: "string",
      value: "N",
      help: "how long it is good (API: for ever; runner: 1, at most 168)",
    },
    uses: { type: "string", value: "N", help: "with runner: runners that it admits (default 1)" },
    capacity: {
      type: "string",
      value: "N",
      help: "with runner: runs at once that each of them may have at most",
    },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", name] = context.positionals;
    const hours = readNumber(context.flags.text("hours"), "--hours");
    const uses = readNumber(context.flags.text("uses"), "--uses");
    const capacity = readNumber(context.flags.text("capacity"), "--capacity");
    const isKnown = verb === "revoke"
      ? name !== undefined
      : verb === "create" || name === undefined && ["runner", "list"].includes(verb);
    if (!isKnown) throw new UserError(`Usage: dagu ${command.usage}`);
    await using connection = await connect(context);
    const { api } = connection;
    if (verb === "list") return await list(context, api);
    if (verb === "revoke") {
      await api.delete(`/api-tokens/${encodeURIComponent(name ?? "")}`);
      if (!context.flags.has("quiet")) writeErr(`API token ${name} is refused from now on`);
      return 0;
    }
    const lifetime = hours === null ? {} : { ttlHours: hours };
    const made = v.parse(
      Made,
      verb === "create"
        ? await api.post("/api-tokens", { name: name ?? "cli", ...lifetime })
        : await api.post("/runners/registration-tokens", {
          ...lifetime,
          ...(uses === null ? {} : { uses }),
          ...(capacity === null ? {} : { capacityMax: capacity }),
        }),
    );
    writeOut(made.token);
    writeErr(made.expiresAt === "" ? "It has no end." : `Good until ${made.expiresAt}.`);
    return 0;
  },
};

async function list(context: Context, api: Api): Promise<number> {
  const { apiTokens } = v.parse(Tokens, await api.get("/api-tokens"));
  tellTable(
    context,
    ["NAME", "STATE", "CREATED (UTC)", "GOOD UNTIL (UTC)", "ID"],
    apiTokens.map(({ id, name, createdAt, expiresAt, revoked }) => [
      name,
      revoked ? "revoked" : "good",
      timeText(createdAt),
      expiresAt === "" ? "-" : timeText(expiresAt),
      id,
    ]),
    "there is no API token; see: dagu token create",
  );
  return 0;
}

function readNumber(text: string | null, flag: string): number | null {
  if (text === null) return null;
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0) {
    throw new UserError(`${flag} must be a number above 0, got "${text}"`);
  }
  return number;
}
