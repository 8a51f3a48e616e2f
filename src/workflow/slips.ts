/**
 * How many slips of the finger turn one word into the other: letters left out, added, changed or swapped with their
 * neighbour (optimal string alignment).
 */
export function countSlips(written: string, meant: string): number {
  let before: number[] = [];
  let last = Array.from({ length: meant.length + 1 }, (_, at) => at);
  for (let row = 1; row <= written.length; row++) {
    const next = [row];
    for (let at = 1; at <= meant.length; at++) {
      const isSame = written[row - 1] === meant[at - 1];
      const isSwap = written[row - 1] === meant[at - 2] && written[row - 2] === meant[at - 1];
      next[at] = Math.min(
        (last[at] ?? 0) + 1,
        (next[at - 1] ?? 0) + 1,
        (last[at - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (before[at - 2] ?? 0) + 1 : Infinity,
      );
    }
    [before, last] = [last, next];
  }
  return last[meant.length] ?? 0;
}
