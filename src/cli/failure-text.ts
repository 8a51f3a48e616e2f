import type { Failure } from "../run/failure.ts";

/** The lines of it: class and message first, then what to do, then what the engine said. */
export function formatFailure(failure: Failure): string[] {
  const at = failure.address === undefined ? "" : ` at ${failure.address}`;
  const where = failure.engine === undefined ? "" : ` (${failure.engine}${at})`;
  return [
    ...`${failure.code}: ${failure.message}${where}`.split("\n"),
    ...(failure.remedy === "" ? [] : `what to do: ${failure.remedy}`.split("\n")),
    ...(failure.engineText === undefined || failure.engineText === ""
      ? []
      : `the engine said: ${failure.engineText.trim()}`.split("\n")),
  ];
}
