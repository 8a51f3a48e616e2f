/** Ways to make the product wrong without touching it: by what its store answers, and by when. Each must be noticed. */
import type { Query, Store } from "./database.ts";

export type Mutant = (store: Store) => Store;

/** The store says of every attempt that it is live, so that who was given up may still tell its story. */
export const noFence: Mutant = (store) =>
  wrapped(store, (query) => ({
    query: async (text, params, options) => {
      const answer = await query.query<never>(text, params, options);
      if (!isLockOfAttempt(text)) return answer;
      const revived = answer.rows.map(revive);
      return { ...answer, rows: revived as never[] };
    },
  }));

/** Of runs and attempts together: what reports are checked against. */
function isLockOfAttempt(text: string): boolean {
  return /"attempts"\."ack_seq"|\ba\.ack_seq\b/.test(text) && text.includes("for no key update");
}

const ENDED = new Set(["lost", "failed", "aborted", "succeeded", "expired", "declined", "handed_back"]);

/** As deep as it lies: a driver gives rows as lists or by name, and a statement may make one value of all its rows. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, revive(one)]));
  }
  return typeof value === "string" && ENDED.has(value) ? "started" : value;
}

/** Now and then a transaction that was answered is not committed: as if the answer had not waited for that. */
export function earlyAnswer(): Mutant {
  let transactions = 0;
  return (store) => ({
    ...store,
    transaction: async (work) => {
      let answer: { readonly value: Awaited<ReturnType<typeof work>> } | null = null;
      try {
        return await store.transaction(async (query) => {
          let isStory = false;
          const value = await work({
            query: (text, params, options) => {
              isStory ||= /insert into "?run_events"?/.test(text);
              return query.query<never>(text, params, options);
            },
          });
          if (!isStory || ++transactions % LOST_COMMIT !== 0) return value;
          answer = { value };
          throw new Error("the commit is lost");
        });
      } catch (error) {
        if (answer === null) throw error;
        return (answer as { readonly value: Awaited<ReturnType<typeof work>> }).value;
      }
    },
  });
}

const LOST_COMMIT = 5;

/** Each renewal counts twice: a lost runner is noticed later than promised. */
export const doubleRenewal: Mutant = (store) =>
  wrapped(store, (query) => ({
    query: async (text, params, options) => {
      const answer = await query.query<never>(text, params, options);
      if (/^update "attempt_leases" set "expires_at"/.test(text)) {
        await query.query("update attempt_leases set expires_at = expires_at + interval '30 seconds'");
      }
      return answer;
    },
  }));

function wrapped(store: Store, wrap: (query: Query) => Query): Store {
  return {
    query: wrap(store).query,
    transaction: (work) => store.transaction((query) => work(wrap(query))),
  };
}
