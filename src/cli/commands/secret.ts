import * as v from "valibot";
import { ApiError } from "../api-client.ts";
import { type Command, UserError, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { timeText } from "./run-list.ts";
import { readValue } from "./secret-value.ts";
import { formatTable } from "./table.ts";

const Secret = v.object({
  ref: v.string(),
  currentVersion: v.number(),
  status: v.string(),
  updatedAt: v.string(),
});
const Secrets = v.object({ secrets: v.array(Secret), total: v.number() });
const Place = v.object({ kind: v.string(), id: v.string(), version: v.number() });
const Rewrapped = v.object({ moved: v.number(), unreadable: v.number(), next: v.nullable(Place) });
const Keys = v.object({
  keys: v.array(
    v.object({ id: v.string(), isFirst: v.boolean(), isKnown: v.boolean(), values: v.number() }),
  ),
});
const USAGE = "Usage: dagu secret [list | set REF | disable REF | enable REF | delete REF | keys | rewrap]";
const PAGE_SIZE = 500;

export const command: Command = {
  usage: "secret [list | set REF | disable REF | enable REF | delete REF | keys | rewrap]",
  summary:
    "Secrets that the control plane keeps, sealed, and gives to the runs whose workflows name them: secrets: [{name: TOKEN, ref: REF}].\n" +
    "set reads the value from stdin, less a line end, and replaces one that is there. No command shows a value. Times are UTC.\n" +
    "keys tells which of the server's keys (DAGU_ENCRYPTION_KEYS) seals how much; rewrap moves everything to the first of them.",
  examples: ["dagu secret set prod/db-password < password.txt", "dagu secret disable prod/db-password"],
  options: {
    "value-file": { type: "string", value: "FILE", help: "with set: where the value is, instead of stdin" },
    force: { type: "boolean", help: "with set: also a value that is too short to be masked in logs" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", ref] = context.positionals;
    const isQuiet = context.flags.has("quiet");
    if (verb === "list" && ref === undefined) {
      await using connection = await connect(context);
      await list(connection, isQuiet);
      return 0;
    }
    if (verb === "keys" && ref === undefined) {
      await using connection = await connect(context);
      await listKeys(connection);
      return 0;
    }
    if (verb === "rewrap" && ref === undefined) {
      await using connection = await connect(context);
      return await rewrapAll(connection, isQuiet);
    }
    if (ref === undefined || !["set", "disable", "enable", "delete"].includes(verb)) {
      throw new UserError(USAGE);
    }
    const value = verb === "set" ? await readValue(context.flags.text("value-file")) : "";
    await using connection = await connect(context);
    const done = verb === "set"
      ? await set(connection, ref, value, context.flags.has("force"))
      : await change(connection, ref, verb);
    if (!isQuiet) writeErr(`secret ${ref} ${done}`);
    return 0;
  },
};

async function listKeys({ api }: Connection): Promise<void> {
  const { keys } = v.parse(Keys, await api.get("/encryption-keys"));
  writeOut(formatTable(
    ["KEY", "SEALS", "VALUES"],
    keys.map((key) => [
      key.id === "" ? "(of an earlier version)" : key.id,
      key.isFirst ? "new values" : key.isKnown ? "no more" : "missing",
      String(key.values),
    ]),
  ));
}

/** A hundred at a time, so that the server answers others meanwhile. */
async function rewrapAll({ api }: Connection, isQuiet: boolean): Promise<number> {
  let moved = 0;
  let unreadable = 0;
  for (let after: v.InferOutput<typeof Place> | null = null, isOver = false; !isOver;) {
    const done: v.InferOutput<typeof Rewrapped> = v.parse(
      Rewrapped,
      await api.post("/encryption-keys/rewrap", { after }),
    );
    moved += done.moved;
    unreadable += done.unreadable;
    after = done.next;
    isOver = after === null;
    if (!isQuiet) writeErr(`moved ${moved} to the first key${isOver ? "" : ", going on"}`);
  }
  if (unreadable === 0) return 0;
  writeErr(`${unreadable} are sealed under keys that the server does not have: dagu secret keys`);
  return 1;
}

async function list({ api }: Connection, isQuiet: boolean): Promise<void> {
  const rows: v.InferOutput<typeof Secret>[] = [];
  for (let total = 1; rows.length < total;) {
    const page = v.parse(Secrets, await api.get(`/secrets?limit=${PAGE_SIZE}&offset=${rows.length}`));
    rows.push(...page.secrets);
    total = page.secrets.length === 0 ? 0 : page.total;
  }
  if (rows.length === 0) {
    if (!isQuiet) writeErr("no secret is kept; see: dagu secret set REF");
    return;
  }
  writeOut(formatTable(
    ["REF", "VERSION", "STATUS", "CHANGED (UTC)"],
    rows.map((one) => [
      one.ref,
      one.currentVersion === 0 ? "-" : `${one.currentVersion}`,
      one.status,
      timeText(one.updatedAt),
    ]),
  ));
}

async function set({ api }: Connection, ref: string, value: string, force: boolean): Promise<string> {
  try {
    await api.post("/secrets", { ref, value, force });
    return "is kept";
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "already_exists") throw error;
    await api.post(`${pathOf(ref)}/versions`, { value, force });
    return "has a new value: runs that start from now on are given it";
  }
}

async function change({ api }: Connection, ref: string, verb: string): Promise<string> {
  if (verb !== "delete") {
    await api.post(`${pathOf(ref)}/${verb}`, {});
    return verb === "disable" ? "is given to no run until it is enabled" : "is given to runs again";
  }
  await api.delete(pathOf(ref));
  return "is gone, and its values with it";
}

function pathOf(ref: string): string {
  return `/secrets/${encodeURIComponent(ref)}`;
}
