/** API tokens: `dagu_` and 256 bits, known by digest only; revocable, and dead after their end. */
import type { ServerPorts } from "../ports.ts";
import { digestToken, formatToken, tokenPrefix } from "../secrets/token.ts";
import { apiTokenByDigest, insertApiToken, revokeApiToken } from "../store/api-tokens.ts";

/** Name of the token that a server makes for the commands of its own machine. */
export const LOCAL_COMMANDS = "local commands";

/** The token's text, shown this once. `lifeMs` null: no end. */
export async function createApiToken(
  ports: Pick<ServerPorts, "db" | "clock" | "ids" | "random">,
  name: string,
  lifeMs: number | null,
): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: Date | null }> {
  const token = formatToken("dagu_", ports.random(32));
  const id = ports.ids.uuid();
  const now = ports.clock.now();
  const expiresAt = lifeMs === null ? null : new Date(now + lifeMs);
  await insertApiToken(ports.db, {
    id,
    name,
    digest: await digestToken(token),
    prefix: tokenPrefix(token),
    createdAt: new Date(now),
    expiresAt,
  });
  return { id, token, expiresAt };
}

/** Who the token speaks for; null: unknown, revoked or expired. */
export async function whoHolds(
  ports: Pick<ServerPorts, "db" | "clock">,
  token: string,
): Promise<string | null> {
  const row = await apiTokenByDigest(ports.db, await digestToken(token));
  if (row === null || row.revokedAt !== null) return null;
  if (row.expiresAt !== null && row.expiresAt.getTime() <= ports.clock.now()) return null;
  return row.name;
}

/** Nobody can use it from now on; unknown ones are left unknown. */
export async function endToken(ports: Pick<ServerPorts, "db" | "clock">, token: string): Promise<void> {
  const row = await apiTokenByDigest(ports.db, await digestToken(token));
  if (row !== null) await revokeApiToken(ports.db, row.id, new Date(ports.clock.now()));
}
