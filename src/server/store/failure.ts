/** What went wrong below a statement, as far as others must know it. */
import { DrizzleQueryError } from "drizzle-orm/errors";

/** Of a connection that did not come up; the last one is Postgres' own, while it starts or ends. */
const UNREACHABLE = new Set([
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
  "57P03",
]);

/** The driver's codes, those of the socket below it, and Postgres' own words for going away or not being there yet. */
const LOST = new Set([
  ...UNREACHABLE,
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ECONNRESET",
  "EPIPE",
  "57P01",
  "57P02",
  "53300",
  "25P03",
]);

/** It is closed for maintenance, has become a copy of another one, or has no room on its disk or in its memory. */
const UNABLE = new Set(["55000", "25006", "53100", "53200"]);

/** Serialization failure, deadlock, a lock that was waited for too long. */
const CONFLICT = new Set(["40001", "40P01", "55P03"]);
const STATEMENT_TIMEOUT = "57014";

/** The connection is gone or did not come up. */
export function isConnectionLost(error: unknown): error is Error {
  return hasCode(error, (code) => LOST.has(code));
}

/** No connection came up, and none would for anybody else. */
export function isUnreachable(error: unknown): error is Error {
  return hasCode(error, (code) => UNREACHABLE.has(code));
}

/** The database cannot be asked, or not for this, and may well do it later. */
export function isAway(error: unknown): error is Error {
  return isConnectionLost(error) || hasCode(error, (code) => UNABLE.has(code));
}

/** Another transaction was in the way: this one did nothing, and may be tried again at once. */
export function isConflict(error: unknown): error is Error {
  return hasCode(error, (code) => CONFLICT.has(code));
}

/** The database is there, but did not get to it in time (PG-06). */
export function isBusy(error: unknown): error is Error {
  return isConflict(error) || hasCode(error, (code) => code === STATEMENT_TIMEOUT);
}

function hasCode(error: unknown, isMeant: (code: string) => boolean): error is Error {
  return error instanceof Error &&
    (("code" in error && typeof error.code === "string" && isMeant(error.code)) ||
      hasCode(error.cause, isMeant));
}

/** In a few words, of the innermost cause. */
export function reasonOf(error: Error): string {
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/** For the log: the cause and the statement, without its values, some of which are secret. */
export function describeError(error: unknown): string {
  if (error instanceof DrizzleQueryError) return `${describeError(error.cause)}\nstatement: ${error.query}`;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
