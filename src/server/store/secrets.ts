/** Managed secrets by reference; their values are sealed before they come here. */
import { and, asc, count, eq, inArray, ne } from "drizzle-orm";
import type { Db, Executor, Transaction } from "./db.ts";
import { secretHandouts, secrets, secretVersions } from "./schema.ts";

export type SecretRow = typeof secrets.$inferSelect;

/** null: the reference is taken. */
export async function insertSecret(
  db: Executor,
  secret: Pick<SecretRow, "id" | "ref" | "description">,
  now: Date,
): Promise<SecretRow | null> {
  const [row] = await db.insert(secrets)
    .values({ ...secret, state: "active", version: 0, createdAt: now, updatedAt: now })
    .onConflictDoNothing().returning();
  return row ?? null;
}

export async function listSecrets(
  db: Executor,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<{ readonly rows: SecretRow[]; readonly total: number }> {
  const known = ne(secrets.state, "deleted");
  const [sum] = await db.select({ total: count() }).from(secrets).where(known);
  const rows = await db.select().from(secrets).where(known).orderBy(asc(secrets.ref))
    .limit(limit).offset(offset);
  return { rows, total: sum?.total ?? 0 };
}

/** By id or by reference. */
export async function findSecret(db: Executor, idOrRef: string): Promise<SecretRow | null> {
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(idOrRef);
  const [row] = await db.select().from(secrets)
    .where(and(isId ? eq(secrets.id, idOrRef) : eq(secrets.ref, idOrRef), ne(secrets.state, "deleted")));
  return row ?? null;
}

export async function changeSecret(
  db: Executor,
  id: string,
  change: Partial<Pick<SecretRow, "description" | "state">>,
  now: Date,
): Promise<void> {
  await db.update(secrets).set({ ...change, updatedAt: now }).where(eq(secrets.id, id));
}

/** `sealAs` seals the new value as the version that it becomes: a sealed value cannot take another's place. */
export async function addVersion(
  db: Db,
  id: string,
  sealAs: (version: number) => Promise<Uint8Array>,
  now: Date,
): Promise<SecretRow | null> {
  return await db.transaction(async (tx) => {
    const [before] = await tx.select().from(secrets)
      .where(and(eq(secrets.id, id), ne(secrets.state, "deleted"))).for("update");
    if (before === undefined) return null;
    const version = before.version + 1;
    await tx.insert(secretVersions).values({
      secretId: id,
      version,
      sealed: await sealAs(version),
      createdAt: now,
    });
    const rotatedAt = before.version === 0 ? null : now;
    const [row] = await tx.update(secrets).set({ version, rotatedAt, updatedAt: now })
      .where(eq(secrets.id, id)).returning();
    return row ?? null;
  });
}

/** What it was called stays, its values do not (SC-07). */
export async function deleteSecret(db: Db, id: string, now: Date): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.delete(secretVersions).where(eq(secretVersions.secretId, id));
    await tx.update(secrets).set({ state: "deleted", updatedAt: now }).where(eq(secrets.id, id));
  });
}

export interface CurrentValue {
  readonly secretId: string;
  readonly ref: string;
  readonly version: number;
  readonly sealed: Uint8Array;
}

/** Of the active ones among these that have a value. */
export async function currentValues(db: Executor, refs: readonly string[]): Promise<CurrentValue[]> {
  if (refs.length === 0) return [];
  return await db.select({
    secretId: secrets.id,
    ref: secrets.ref,
    version: secrets.version,
    sealed: secretVersions.sealed,
  }).from(secrets).innerJoin(
    secretVersions,
    and(eq(secretVersions.secretId, secrets.id), eq(secretVersions.version, secrets.version)),
  ).where(and(inArray(secrets.ref, [...refs]), eq(secrets.state, "active")));
}

export async function noteHandouts(
  tx: Transaction,
  handouts: readonly (typeof secretHandouts.$inferInsert)[],
): Promise<void> {
  if (handouts.length > 0) await tx.insert(secretHandouts).values([...handouts]).onConflictDoNothing();
}
