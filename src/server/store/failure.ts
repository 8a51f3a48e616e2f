/** What went wrong below a statement, as far as others must know it. */
import { DrizzleQueryError } from "drizzle-orm/errors";

/** The driver's codes, those of the socket below it, and Postgres' own words for going away or not being there yet. */
const LOST = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
  "57P01",
  "57P02",
  "57P03",
  "53300",
]);

/** The connection is gone or did not come up: the same statement may well succeed later. */
export function isConnectionLost(error: unknown): error is Error {
  return error instanceof Error &&
    (("code" in error && typeof error.code === "string" && LOST.has(error.code)) ||
      isConnectionLost(error.cause));
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
