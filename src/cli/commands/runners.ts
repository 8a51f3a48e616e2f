import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, UserError, writeErr, writeOut } from "../command.ts";
import { timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";
import { own } from "../../workflow/own.ts";

const Runners = v.object({
  runners: v.array(v.object({
    id: v.string(),
    name: v.string(),
    state: v.string(),
    healthStatus: v.string(),
    labels: v.record(v.string(), v.string()),
    busyPollers: v.number(),
    totalPollers: v.number(),
    version: v.string(),
    lastHeartbeatAt: v.string(),
    warnings: v.array(v.string()),
  })),
});
const VERBS: Readonly<Record<string, string>> = {
  drain: "finishes what it has and takes nothing new; dagu runners resume NAME ends that",
  resume: "takes runs again",
  rotate: "is told to change its token",
  revoke: "is locked out; runs that it had have failed, or go to other runners if they had not begun",
};

export const command: Command = {
  usage: "runners [list | drain NAME | resume NAME | rotate NAME | revoke NAME | fence]",
  summary:
    "Lists the runners of a server, or takes one of them out of work: drain lets it finish, revoke locks it out at once,\n" +
    "rotate has it change its token, as it does by itself every twenty days. fence is for after a restore of the database:\n" +
    "whatever runners were given since the backup stays shut out.\n" +
    "NAME may be its id. Times are UTC.",
  examples: ["dagu runners drain build-7", "dagu runners --server https://dagu.example.com"],
  options: CONNECT_OPTIONS,
  arguments: [0, 2],
  run: async (context) => {
    const [verb = "list", name] = context.positionals;
    const effect = own(VERBS, verb);
    const isOfAll = verb === "list" || verb === "fence";
    if (isOfAll ? name !== undefined : effect === undefined || name === undefined) {
      throw new UserError(`Usage: dagu ${command.usage}`);
    }
    await using connection = await connect(context);
    if (verb === "list") {
      const { runners } = v.parse(Runners, await connection.api.get("/runners"));
      if (runners.length > 0) writeOut(table(runners));
      for (const one of runners) for (const warning of one.warnings) writeErr(`${one.name}: ${warning}`);
      if (runners.length === 0 && !context.flags.has("quiet")) {
        writeErr("no runner has registered; see: dagu token runner");
      }
      return 0;
    }
    if (verb === "fence") {
      const { fenceEpoch } = v.parse(
        v.object({ fenceEpoch: v.number() }),
        await connection.api.post("/runners/fence", {}),
      );
      if (!context.flags.has("quiet")) writeErr(`attempts are numbered from ${fenceEpoch + 1} on`);
      return 0;
    }
    await connection.api.post(`/runners/${encodeURIComponent(name ?? "")}/${verb}`, {});
    if (!context.flags.has("quiet")) writeErr(`runner ${name} ${effect}`);
    return 0;
  },
};

function table(runners: v.InferOutput<typeof Runners>["runners"]): string {
  return formatTable(
    ["NAME", "STATE", "HEALTH", "BUSY", "LABELS", "SEEN (UTC)", "ID"],
    runners.map((one) => [
      one.name,
      one.state,
      one.healthStatus,
      `${one.busyPollers}/${one.totalPollers}`,
      Object.entries(one.labels).map(([key, value]) => `${key}=${value}`).join(",") || "-",
      one.lastHeartbeatAt === "" ? "-" : timeText(one.lastHeartbeatAt),
      one.id,
    ]),
  );
}
