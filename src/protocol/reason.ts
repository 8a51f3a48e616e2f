/** Why a call came to nothing. `fetch failed` says nothing: no such host, refused, a certificate of nobody's are its causes. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
