import type { FC } from "hono/jsx";
import { own } from "../../../workflow/own.ts";

const MARKS: Readonly<Record<string, string>> = {
  succeeded: "✓",
  partially_succeeded: "✓",
  failed: "✗",
  aborted: "■",
  rejected: "✗",
  running: "▶",
  retrying: "↻",
  waiting: "‖",
  queued: "…",
  skipped: "–",
  not_started: "·",
};

export function markOf(status: string): string {
  return own(MARKS, status) ?? "·";
}

/** A status as mark, word and colour: never by colour alone. */
export const Status: FC<{ status: string }> = ({ status }) => (
  <span class={`status ${status}`}>
    <span aria-hidden="true">{markOf(status)}</span> {status.replaceAll("_", " ")}
  </span>
);
