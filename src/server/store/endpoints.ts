/** Where events arrive: forge endpoints and the webhooks of workflows. */
import { asc, eq } from "drizzle-orm";
import { dropStatuses } from "./commit-statuses.ts";
import type { Executor, Transaction } from "./db.ts";
import { endpoints, webhooks } from "./schema.ts";

export type EndpointRow = typeof endpoints.$inferSelect;
export type WebhookRow = typeof webhooks.$inferSelect;

/** False: the name is taken. */
export async function insertEndpoint(
  db: Executor,
  endpoint: typeof endpoints.$inferInsert,
): Promise<boolean> {
  return (await db.insert(endpoints).values(endpoint).onConflictDoNothing().returning({ id: endpoints.id }))
    .length > 0;
}

export async function endpointByPublicId(db: Executor, publicId: string): Promise<EndpointRow | null> {
  const [row] = await db.select().from(endpoints).where(eq(endpoints.publicId, publicId));
  return row ?? null;
}

export async function endpointByName(db: Executor, name: string): Promise<EndpointRow | null> {
  const [row] = await db.select().from(endpoints).where(eq(endpoints.name, name));
  return row ?? null;
}

export async function listEndpoints(db: Executor): Promise<EndpointRow[]> {
  return await db.select().from(endpoints).orderBy(asc(endpoints.name));
}

export async function updateEndpoint(
  db: Executor,
  id: string,
  change: Partial<typeof endpoints.$inferInsert>,
): Promise<void> {
  await db.update(endpoints).set(change).where(eq(endpoints.id, id));
}

export async function deleteEndpoint(tx: Transaction, name: string): Promise<boolean> {
  const [gone] = await tx.delete(endpoints).where(eq(endpoints.name, name)).returning({ id: endpoints.id });
  if (gone === undefined) return false;
  await dropStatuses(tx, gone.id);
  return true;
}

// ---- webhooks ---------------------------------------------------------------------------------------------------

/** False: the workflow has one already (WH-02). */
export async function insertWebhook(db: Executor, webhook: typeof webhooks.$inferInsert): Promise<boolean> {
  return (await db.insert(webhooks).values(webhook).onConflictDoNothing().returning({ id: webhooks.id }))
    .length > 0;
}

export async function getWebhook(db: Executor, fileName: string): Promise<WebhookRow | null> {
  const [row] = await db.select().from(webhooks).where(eq(webhooks.fileName, fileName));
  return row ?? null;
}

export async function listWebhooks(db: Executor): Promise<WebhookRow[]> {
  return await db.select().from(webhooks).orderBy(asc(webhooks.fileName));
}

export async function updateWebhook(
  db: Executor,
  fileName: string,
  change: Partial<typeof webhooks.$inferInsert>,
): Promise<WebhookRow | null> {
  const [row] = await db.update(webhooks).set(change).where(eq(webhooks.fileName, fileName)).returning();
  return row ?? null;
}

export async function deleteWebhook(db: Executor, fileName: string): Promise<boolean> {
  return (await db.delete(webhooks).where(eq(webhooks.fileName, fileName)).returning({ id: webhooks.id }))
    .length > 0;
}
