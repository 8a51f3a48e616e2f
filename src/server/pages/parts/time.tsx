import type { FC } from "hono/jsx";
import { elapsed } from "../../../run/elapsed.ts";

/** A moment, for people and machines; nothing when it has not come. The browser adds what their own clock says. */
export const Moment: FC<{ at: string }> = ({ at }) =>
  hasCome(at) ? <time dateTime={at}>{at.replace("T", " ").replace(/\.\d+Z$/, "Z")}</time> : <span>–</span>;

/** How long something took. While it goes on, the browser counts. */
export const Took: FC<{ from: string; to: string }> = ({ from, to }) => (
  <span class="number" {...(hasCome(from) && !hasCome(to) ? { "data-since": from } : {})}>
    {elapsed(from, to)}
  </span>
);

function hasCome(at: string): boolean {
  return at !== "" && at !== "-";
}
