import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, type Flags, UserError, writeErr, writeOut } from "../command.ts";
import { parseSeconds } from "../seconds.ts";
import { timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";

const Queue = v.object({
  name: v.string(),
  paused: v.boolean(),
  maxConcurrency: v.optional(v.number()),
  rateLimit: v.optional(v.object({ limit: v.number(), periodSec: v.number() })),
  runningCount: v.number(),
  queuedCount: v.number(),
  oldestQueuedAt: v.string(),
});
const Queues = v.object({ queues: v.array(Queue) });
const USAGE =
  "Usage: dagu queue [list | set NAME [--max-concurrency N] [--rate N/TIME] | pause NAME | resume NAME | move NAME RUN --priority N]";

export const command: Command = {
  usage: "queue [list | set NAME | pause NAME | resume NAME | move NAME RUN-ID]",
  summary:
    "Lists the queues that something waits or runs in, or that were set; sets how many runs of one run at once, and how often\n" +
    "one may begin; pauses one: what waits in it stays, what runs goes on; gives a run that waits another priority. Times are UTC.",
  examples: [
    "dagu queue set nightly --max-concurrency 4 --rate 10/60s",
    "dagu queue move nightly 0356Uxst6wGGJLABuGznHS --priority 0",
  ],
  options: {
    "max-concurrency": {
      type: "string",
      value: "N",
      help: "with set: runs at once; 0: as the workflows say",
    },
    rate: {
      type: "string",
      value: "N/TIME",
      help: "with set: at most N runs begin within TIME, such as 10/60s or 100/1h; 0: any number",
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
    const change = verb === "set" ? readChange(context.flags) : { paused: verb === "pause" };
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

function readChange(flags: Flags): Record<string, unknown> {
  const [width, rate] = [flags.text("max-concurrency"), flags.text("rate")];
  if (width === null && rate === null) {
    throw new UserError("dagu queue set needs --max-concurrency N or --rate N/TIME");
  }
  return {
    ...(width === null ? {} : { maxConcurrency: readWidth(width) }),
    ...(rate === null ? {} : { rateLimit: readRate(rate) }),
  };
}

/** null: as the workflows say. */
function readWidth(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) {
    throw new UserError(`--max-concurrency must be a number from 0 to 10000, got "${text}"`);
  }
  return Number(text) === 0 ? null : Number(text);
}

/** null: none. */
function readRate(text: string): { readonly limit: number; readonly periodSec: number } | null {
  if (text === "0") return null;
  const [, limit = "", time = ""] = /^(\d{1,4})\/(\w+)$/.exec(text) ?? [];
  const periodMs = limit === "" ? null : parseSeconds("--rate", time, [1, 86_400]);
  if (periodMs === null) throw new UserError(`--rate must be such as 10/60s, or 0 for none, got "${text}"`);
  return { limit: Number(limit), periodSec: periodMs / 1_000 };
}

function tell({ name, paused, maxConcurrency, rateLimit }: v.InferOutput<typeof Queue>): string {
  const width = maxConcurrency === undefined ? "as its workflows say" : `${maxConcurrency} at once`;
  const rate = rateLimit === undefined ? "" : `, ${rateLimit.limit} in ${rateLimit.periodSec} s`;
  return `queue ${name}: ${width}${rate}${paused ? ", paused" : ""}`;
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
