import { type Context, writeErr, writeOut } from "../command.ts";

/** A list on stdout; of an empty one, unless that is not wanted, what to do about it on stderr. */
export function tellTable(
  { flags }: Context,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  hint: string,
): void {
  if (rows.length > 0) writeOut(formatTable(head, rows));
  else if (!flags.has("quiet")) writeErr(hint);
}

/** Rows under a head line, each column as wide as its widest word, nothing behind the last one. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length))
  );
  return [head, ...rows]
    .map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd())
    .join("\n");
}
