/**
 * The Postgres driver's pool for connections that may go away at any moment: a fail-over, a pooler that closes, a cut line.
 * Left to itself, the driver rolls a transaction back on the connection that was just lost. That write reaches nothing, or
 * whatever the connection is used for next, and can end the process.
 */
import type { Sql, TransactionSql } from "postgres";
import type { Clock } from "../../run/ports.ts";
import { isConflict, isConnectionLost } from "./failure.ts";
import { newOutage, type Outage } from "./outage.ts";

/** Longest pause before the next try to connect, s: the driver's own goes to 20, which outlasts most outages. */
const BACKOFF_MAX_S = 1;

export const POOL_OPTIONS = {
  onnotice: () => {},
  connect_timeout: 10,
  // Asked for behind the first query of a connection: nobody waits for the answer, so nobody would hear that it failed.
  fetch_types: false,
  backoff: (failures: number): number => Math.min(2 ** failures / 20, BACKOFF_MAX_S),
} as const;

/** At the end of a statement that is worth being prepared. */
export const PREPARED_MARK = "/* prepared */";

/**
 * Of a transaction (PG-06): nobody waits for its rows for longer, be its process frozen, or cut off with a statement on its
 * way. Said in each, not once for a connection, which a pooler may give to somebody else in between.
 */
const LIMITS =
  "set local lock_timeout = '1s'; set local statement_timeout = '5s'; set local idle_in_transaction_session_timeout = '5s'";
/** How often a transaction is tried that was in another's way. */
const TRIES = 4;

type Work<T> = (transaction: TransactionSql) => T | Promise<T>;

/** Before another try: of chance length, and longer the more there were. */
const PAUSE_MS = 200;

export interface PausePorts {
  readonly clock: Pick<Clock, "sleep" | "mono">;
  /** From 0 to 1. */
  readonly random: () => number;
}

/**
 * The same client, whose transactions have limits, are tried again when they were in each other's way, say nothing more on a
 * connection that is lost, and are refused while none comes up; and which prepares what is marked.
 */
export function withSafeTransactions(client: Sql, { clock, random }: PausePorts): Sql {
  const outage = newOutage(clock);
  const begin = async <T>(work: Work<T>): Promise<unknown> => {
    for (let tries = 1;; tries++) {
      try {
        const refusal = outage.refusal();
        if (refusal !== null) throw refusal;
        const running = beginSafely(client, work);
        outage.watch(running);
        return await running;
      } catch (error) {
        if (tries === TRIES || !isConflict(error)) throw error;
        await clock.sleep(PAUSE_MS * tries * random());
      }
    }
  };
  const unsafe = unlessAway(preparing(client), outage);
  return new Proxy(client, {
    get: (target, name) => name === "begin" ? begin : name === "unsafe" ? unsafe : Reflect.get(target, name),
  });
}

type Unsafe = Sql["unsafe"];

/** drizzle gives every statement to the driver as one that is not to be prepared. */
function preparing(client: Sql | TransactionSql): Unsafe {
  const unsafe: Unsafe = (text, parameters, options) =>
    client.unsafe(text, parameters, text.endsWith(PREPARED_MARK) ? { ...options, prepare: true } : options);
  return unsafe;
}

/** Refused is a promise with what drizzle asks of a statement. */
function unlessAway(unsafe: Unsafe, outage: Outage): Unsafe {
  const ask = (...[text, parameters, options]: Parameters<Unsafe>): unknown => {
    const refusal = outage.refusal();
    if (refusal !== null) {
      const refused = Promise.reject(refusal);
      return Object.assign(refused, { values: () => refused });
    }
    const asked = unsafe(text, parameters, options);
    outage.watch(asked);
    return asked;
  };
  return ask as Unsafe;
}

async function beginSafely<T>(client: Sql, work: Work<T>): Promise<unknown> {
  const lost = Promise.withResolvers<never>();
  let loss: Error | null = null;
  const lose = (error: Error): void => {
    loss ??= error;
    lost.reject(error);
  };
  const unlessLost = <R>(use: () => R): R => {
    if (loss !== null) throw loss;
    return use();
  };
  const guarded = (transaction: TransactionSql): TransactionSql =>
    new Proxy(transaction, {
      apply: (target, self, args) => unlessLost(() => Reflect.apply(target, self, args)),
      get: (target, name) =>
        unlessLost(() => name === "unsafe" ? preparing(target) : Reflect.get(target, name)),
    });
  const running = client.begin(async (transaction) => {
    // On its way with the first statement, which fails as well if this does.
    transaction.unsafe(LIMITS).simple().catch(() => {});
    try {
      return await work(guarded(transaction));
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      lose(error);
      // The driver waits for this before it rolls back; there is nothing left to roll back on.
      return await new Promise<never>(() => {});
    }
  });
  // The driver may know first, while the work waits for something else.
  running.catch(lose);
  return await Promise.race([running, lost.promise]);
}
