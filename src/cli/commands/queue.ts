import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Flags, UserError, writeErr, writeOut } from "../command.ts";
import { timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";

const Queue = v.object({
  name: v.string(),
  paused: v.boolean(),
  maxConcurrency: v.optional(v.number()),
  runningCount: v.number(),
  queuedCount: v.number(),
  oldestQueuedAt: v.string(),
});
const Queues = v.object({ queues: v.array(Queue) });
const USAGE =
  "Usage: dagu queue [list | set NAME --max-concurrency N | pause NAME | resume NAME | move NAME RUN --priority N]";

export const command: Command = {
  usage: "queue [list | set NAME | pause NAME | resume NAME | move NAME RUN-ID]",
  summary:
    "Lists the queues that something waits or runs in, or that were set; sets how many runs of one run at once; pauses one:\n" +
    "what waits in it stays, what runs goes on; gives a run that waits another priority. Times are UTC.",
  options: {
    "max-concurrency": {
      type: "string",
      value: "N",
      help: "with set: runs at once; 0: as the workflows say",
    },
    priority: { type: "string", value: "0-9", help: "with move: lower goes first" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 3],
  run: async (context) => {
    const [verb = "list", name, run] = context.positionals;
    const isQuiet = context.flags.has("quiet");
    if (verb === "list" && name === undefined) {
      await using connection = await connect(context);
      const { queues } = v.parse(Queues, await connection.api.get("/queues"));
      if (queues.length > 0) writeOut(table(queues));
      else if (!isQuiet) writeErr("nothing is queued, and no queue is set");
      return 0;
    }
    if (verb === "move" && name !== undefined && run !== undefined) {
      const priority = readPriority(context.flags);
      await using connection = await connect(context);
      const path = `/queues/${encodeURIComponent(name)}/items/${encodeURIComponent(run)}/move`;
      await connection.api.post(path, { priority });
      if (!isQuiet) writeErr(`run ${run} waits with priority ${priority}`);
      return 0;
    }
    if (name === undefined || run !== undefined || !["set", "pause", "resume"].includes(verb)) {
      throw new UserError(USAGE);
    }
    const change = verb === "set"
      ? { maxConcurrency: readWidth(context.flags) }
      : { paused: verb === "pause" };
    await using connection = await connect(context);
    const queue = v.parse(Queue, await connection.api.patch(`/queues/${encodeURIComponent(name)}`, change));
    if (!isQuiet) writeErr(tell(queue));
    return 0;
  },
};

function readPriority(flags: Flags): number {
  const text = flags.text("priority") ?? "";
  if (!/^\d$/.test(text)) throw new UserError(`dagu queue move needs --priority, a number from 0 to 9`);
  return Number(text);
}

/** null: as the workflows say. */
function readWidth(flags: Flags): number | null {
  const text = flags.text("max-concurrency");
  if (text === null) throw new UserError("dagu queue set needs --max-concurrency N");
  if (!/^\d{1,5}$/.test(text)) {
    throw new UserError(`--max-concurrency must be a number from 0 to 10000, got "${text}"`);
  }
  return Number(text) === 0 ? null : Number(text);
}

function tell({ name, paused, maxConcurrency }: v.InferOutput<typeof Queue>): string {
  const width = maxConcurrency === undefined ? "as its workflows say" : `${maxConcurrency} at once`;
  return `queue ${name}: ${width}${paused ? ", paused" : ""}`;
}

function table(queues: readonly v.InferOutput<typeof Queue>[]): string {
  return formatTable(
    ["NAME", "RUNNING", "QUEUED", "AT ONCE", "STATE", "WAITING SINCE (UTC)"],
    queues.map((one) => [
      one.name,
      String(one.runningCount),
      String(one.queuedCount),
      one.maxConcurrency === undefined ? "-" : String(one.maxConcurrency),
      one.paused ? "paused" : "open",
      one.oldestQueuedAt === "" ? "-" : timeText(one.oldestQueuedAt),
    ]),
  );
}
