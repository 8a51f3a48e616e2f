import type { ServerPorts } from "../ports.ts";
import { describeError, isAway, isBusy } from "../store/failure.ts";

/** One after the other; what is wrong with one of them does not keep the others waiting, tick after tick. */
export async function oneByOne<T>(
  { log }: Pick<ServerPorts, "log">,
  items: readonly T[],
  work: (item: T) => Promise<void>,
  /** Which it is, for the log. */
  factsOf: (item: T) => Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      // Then there is nothing to be done for the others either, until the next tick.
      if (isAway(error) || isBusy(error)) throw error;
      log.error("job failed for one", { ...factsOf(item), error: describeError(error) });
    }
  }
}
