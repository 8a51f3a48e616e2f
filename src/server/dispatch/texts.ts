/**
 * Definitions as texts by their digest. The digest is of the text, so what was read once is true for ever: a process that gives
 * out many runs of one workflow reads it once. Bounded; the longest unused goes first.
 */
import { getTexts } from "../store/blobs.ts";
import type { Executor } from "../store/db.ts";

/** Together at most 8 MB, however many workflows there are. */
const KEPT_MAX = 128;
const KEPT_LENGTH_MAX = 32_768;

export type ReadTexts = (
  db: Executor,
  digests: ReadonlySet<string>,
) => Promise<ReadonlyMap<string, string>>;

export function newTexts(): ReadTexts {
  const kept = new Map<string, string>();
  return async (db, digests) => {
    const found = new Map<string, string>();
    for (const digest of digests) {
      const text = kept.get(digest);
      if (text === undefined) continue;
      found.set(digest, text);
      kept.delete(digest);
      kept.set(digest, text);
    }
    const missing = [...digests].filter((digest) => !found.has(digest));
    if (missing.length === 0) return found;
    for (const [digest, text] of await getTexts(db, missing)) {
      found.set(digest, text);
      if (text.length <= KEPT_LENGTH_MAX) kept.set(digest, text);
    }
    for (const [digest] of [...kept].slice(0, Math.max(0, kept.size - KEPT_MAX))) kept.delete(digest);
    return found;
  };
}
