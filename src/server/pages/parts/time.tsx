import type { FC } from "hono/jsx";

/** A moment, for people and machines; nothing when it has not come. */
export const Moment: FC<{ at: string }> = ({ at }) =>
  at === "" || at === "-"
    ? <span>–</span>
    : <time dateTime={at}>{at.replace("T", " ").replace(/\.\d+Z$/, "Z")}</time>;
