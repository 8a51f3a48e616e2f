import { type Command, type Context, type Flags, UserError, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { DAY_MS, readDuration } from "./duration-flag.ts";
import { workflowNameOf } from "./run-argument.ts";
import { durationText, type ListedRun, listRuns, timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";
import { isDay } from "../../workflow/instant.ts";

export const command: Command = {
  usage: "history [NAME]",
  summary:
    "Lists runs, newest first: of the last 30 days unless told otherwise. Without NAME, runs that steps of other runs\n" +
    "started are left out. Times are UTC: 2026-04-02, or 2026-04-02T08:30:00Z.",
  examples: [
    "dagu history backup --last 7d --status failed,aborted",
    "dagu history --format csv --limit 1000",
  ],
  options: {
    from: { type: "string", value: "TIME", help: "made at this time or later" },
    to: { type: "string", value: "TIME", help: "made at this time or earlier; a date means its whole day" },
    last: {
      type: "string",
      value: "7d",
      help: "made within this time: m, h, d or w; not with --from and --to",
    },
    status: { type: "string", multiple: true, value: "A,B", help: "with one of these statuses" },
    "run-id": { type: "string", short: "r", value: "ID", help: "whose run id contains this" },
    labels: {
      type: "string",
      multiple: true,
      value: "A,B=C",
      help: "that have all of these labels (also --tags)",
    },
    tags: { type: "string", multiple: true, value: "A,B=C", help: "the same" },
    format: { type: "string", short: "f", value: "FORMAT", help: "table (default), json or csv" },
    limit: { type: "string", short: "l", value: "N", help: "at most this many (default 100, at most 1000)" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 1],
  run: async (context) => {
    const { flags, positionals: [argument] } = context;
    const format = readFormat(flags);
    const limit = readLimit(flags);
    const search = { ...readTimes(flags, Date.now()), ...readFilters(context) };
    await using connection = await connect(context, "door");
    const name = argument === undefined ? null : await workflowNameOf(argument, connection.home.dagsDir);
    const runs = await listRuns(connection.api, { name, search, limit });
    if (runs.length === 0 && format === "table") {
      writeErr("no runs found");
      return 0;
    }
    writeOut(await render(format, runs));
    return 0;
  },
};

// ---- flags ------------------------------------------------------------------------------------------------------

const FORMATS = ["table", "json", "csv"] as const;
type Format = (typeof FORMATS)[number];

function readFormat(flags: Flags): Format {
  const text = flags.text("format") ?? "table";
  const format = FORMATS.find((one) => one === text);
  if (format === undefined) throw new UserError(`invalid --format "${text}"; use ${FORMATS.join(", ")}`);
  return format;
}

const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 1_000;

function readLimit(flags: Flags): number {
  const text = flags.text("limit");
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX) {
    throw new UserError(`invalid --limit "${text}"; use a whole number from 1 to ${LIMIT_MAX}`);
  }
  return limit;
}

const DEFAULT_DAYS = 30;

function readTimes(flags: Flags, now: number): Record<string, readonly string[]> {
  const [from, to, last] = [flags.text("from"), flags.text("to"), flags.text("last")];
  if (last !== null) {
    if (from !== null || to !== null) throw new UserError("give --last, or --from and --to, not both");
    return { fromDate: [secondsOf(now - readDuration("last", last))] };
  }
  const start = from === null ? null : readTime("from", from, "start");
  const end = to === null ? null : readTime("to", to, "end");
  if (start !== null && end !== null && start > end) throw new UserError("--from is later than --to");
  return {
    fromDate: [secondsOf(start ?? (end ?? now) - DEFAULT_DAYS * DAY_MS)],
    ...(end === null ? {} : { toDate: [secondsOf(end)] }),
  };
}

/** A date alone is a whole day: `edge` says which end of it. */
function readTime(flag: string, text: string, edge: "start" | "end"): number {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? [];
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.test(text);
  const hasZone = isDate || /(Z|[+-]\d\d:\d\d)$/.test(text);
  const time = isDate || isTime ? Date.parse(hasZone ? text : `${text}Z`) : Number.NaN;
  if (Number.isNaN(time) || !isDay(Number(year), Number(month), Number(day))) {
    throw new UserError(`invalid --${flag} "${text}"; use 2026-04-02 or 2026-04-02T08:30:00Z`);
  }
  return isDate && edge === "end" ? time + DAY_MS - 1_000 : time;
}

function secondsOf(ms: number): string {
  return String(Math.max(0, Math.floor(ms / 1_000)));
}

function readFilters({ flags, positionals }: Context): Record<string, readonly string[]> {
  const id = flags.text("run-id");
  const labels = [...flags.texts("labels"), ...flags.texts("tags")];
  return {
    status: flags.texts("status").flatMap((list) => list.split(",")).map((word) => word.trim()),
    ...(positionals.length === 0 ? { subRuns: ["false"] } : {}),
    ...(id === null ? {} : { dagRunId: [id] }),
    ...(labels.length === 0 ? {} : { labels: [labels.join(",")] }),
  };
}

// ---- formats ----------------------------------------------------------------------------------------------------

async function render(format: Format, runs: readonly ListedRun[]): Promise<string> {
  switch (format) {
    case "json":
      return JSON.stringify(runs, null, 2);
    case "csv":
      return await csv(runs);
    case "table":
      return table(runs);
    default:
      return format satisfies never;
  }
}

function table(runs: readonly ListedRun[]): string {
  const head = ["NAME", "RUN ID", "STATUS", "STARTED (UTC)", "DURATION", "PARAMS"];
  return formatTable(
    head,
    runs.map((run) => [
      run.name,
      run.dagRunId,
      run.statusLabel,
      timeText(run.startedAt || run.queuedAt),
      durationText(run),
      run.params === "{}" ? "" : run.params,
    ]),
  );
}

const CSV_COLUMNS = [
  "name",
  "dagRunId",
  "statusLabel",
  "startedAt",
  "finishedAt",
  "triggerType",
  "params",
] as const;

async function csv(runs: readonly ListedRun[]): Promise<string> {
  const { stringify } = await import("csv-stringify/sync");
  const rows = runs.map((run) => [...CSV_COLUMNS.map((column) => run[column]), run.labels.join(" ")]);
  return stringify([[...CSV_COLUMNS, "labels"], ...rows]).trimEnd();
}
