import type { Api } from "../api-client.ts";
import { type Command, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Definition, listDefinitions } from "./definitions.ts";
import { durationText, type ListedRun, listRuns, timeText } from "./run-list.ts";
import { formatTable } from "./table.ts";

export const command: Command = {
  usage: "ls [PATTERN]",
  summary:
    "Lists the workflows of the definitions folder, or of a server: their names, and what the flags ask for. PATTERN is a\n" +
    "part of the name, or a name with * and ?. Times are UTC.",
  examples: ["dagu ls 'report-*' --last --next"],
  options: {
    last: { type: "boolean", short: "l", help: "with the latest run" },
    history: { type: "boolean", short: "H", help: "with the statuses of the last 10 runs, newest first" },
    next: { type: "boolean", short: "n", help: "with the next scheduled start" },
    "sort-last": { type: "boolean", short: "t", help: "latest run first, instead of by name" },
    reverse: { type: "boolean", short: "r", help: "the other way round" },
    ...CONNECT_OPTIONS,
  },
  arguments: [0, 1],
  run: async (context) => {
    const { flags, positionals: [pattern = ""] } = context;
    const columns = { last: flags.has("last"), history: flags.has("history"), next: flags.has("next") };
    await using connection = await connect(context, "door");
    const definitions = (await listDefinitions(context, connection)).filter(({ name }) =>
      fits(name, pattern)
    );
    const count = columns.history ? HISTORY : columns.last || flags.has("sort-last") ? 1 : 0;
    const lines = await Promise.all(definitions.map((one) => toLine(connection.api, one, count)));
    lines.sort((a, b) => a.name < b.name ? -1 : 1);
    if (flags.has("sort-last")) lines.sort((a, b) => startOf(b).localeCompare(startOf(a)));
    if (flags.has("reverse")) lines.reverse();
    if (lines.length > 0) writeOut(render(lines, columns));
    else if (!flags.has("quiet")) writeErr("no workflows found");
    return 0;
  },
};

const HISTORY = 10;

interface Line {
  readonly name: string;
  /** Newest first, as many as were asked for. */
  readonly runs: readonly ListedRun[];
  readonly nextRun: Date | null;
}

async function toLine(api: Api, { name, nextRun }: Definition, limit: number): Promise<Line> {
  return { name, nextRun, runs: limit === 0 ? [] : await listRuns(api, { name, search: {}, limit }) };
}

function startOf({ runs: [latest] }: Line): string {
  return latest === undefined ? "" : latest.startedAt || latest.queuedAt;
}

function fits(name: string, pattern: string): boolean {
  if (!/[*?]/.test(pattern)) return name.includes(pattern);
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`).test(name);
}

function render(
  lines: readonly Line[],
  columns: { readonly last: boolean; readonly history: boolean; readonly next: boolean },
): string {
  if (!columns.last && !columns.history && !columns.next) return lines.map(({ name }) => name).join("\n");
  const head = [
    "NAME",
    ...(columns.last ? ["STATUS", "STARTED (UTC)", "DURATION"] : []),
    ...(columns.next ? ["NEXT (UTC)"] : []),
    ...(columns.history ? ["HISTORY"] : []),
  ];
  return formatTable(
    head,
    lines.map((line) => [
      line.name,
      ...(columns.last ? latestCells(line) : []),
      ...(columns.next ? [line.nextRun === null ? "-" : timeText(line.nextRun.toISOString())] : []),
      ...(columns.history ? [line.runs.map((run) => run.statusLabel).join(" ") || "-"] : []),
    ]),
  );
}

function latestCells(line: Line): string[] {
  const [latest] = line.runs;
  return latest === undefined
    ? ["-", "-", "-"]
    : [latest.statusLabel, timeText(startOf(line)), durationText(latest)];
}
