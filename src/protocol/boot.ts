/**
 * Which process of a runner speaks (`Dagu-Boot`, RP-02): its number, one more at each start, and an id of its own. What an
 * older process sent, and the network delivers late, is told apart by it.
 */
import * as v from "valibot";

export interface Boot {
  /** From 1. */
  readonly number: number;
  /** Random: two copies of one state folder come to the same number. */
  readonly id: string;
}

const Written = v.pipe(v.string(), v.regex(/^[1-9]\d{0,8}\.[\w-]{1,64}$/));

export function formatBoot({ number, id }: Boot): string {
  return `${number}.${id}`;
}

/** null: of a runner that does not count its starts. */
export function readBoot(text: string | undefined): Boot | null {
  if (!v.is(Written, text)) return null;
  const dot = text.indexOf(".");
  return { number: Number(text.slice(0, dot)), id: text.slice(dot + 1) };
}
