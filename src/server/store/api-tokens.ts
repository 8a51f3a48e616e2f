/** Credentials of people and scripts. */
import { asc, eq } from "drizzle-orm";
import type { Executor } from "./db.ts";
import { apiTokens } from "./schema.ts";

export type ApiTokenRow = typeof apiTokens.$inferSelect;

export async function insertApiToken(db: Executor, token: typeof apiTokens.$inferInsert): Promise<void> {
  await db.insert(apiTokens).values(token);
}

export async function apiTokenByDigest(db: Executor, digest: string): Promise<ApiTokenRow | null> {
  const [row] = await db.select().from(apiTokens).where(eq(apiTokens.digest, digest));
  return row ?? null;
}

export async function listApiTokens(db: Executor): Promise<ApiTokenRow[]> {
  return await db.select().from(apiTokens).orderBy(asc(apiTokens.createdAt));
}

export async function revokeApiToken(db: Executor, id: string, now: Date): Promise<boolean> {
  return (await db.update(apiTokens).set({ revokedAt: now }).where(eq(apiTokens.id, id)).returning({
    id: apiTokens.id,
  }))
    .length > 0;
}
