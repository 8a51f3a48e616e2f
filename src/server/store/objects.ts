/** Objects of the object store that nobody needs, or that are about to be written and may come to nothing. */
import { and, eq, lte, type SQL, sql } from "drizzle-orm";
import type { Executor, Transaction } from "./db.ts";
import { query } from "./query.ts";
import { objectGarbage } from "./schema.ts";

/** A part of an artifact by its content: what is written under one name is always the same. */
export interface PartObject {
  readonly artifactId: string;
  readonly n: number;
  readonly sha256: string;
}

export function objectKey({ artifactId, n, sha256 }: PartObject): string {
  return `artifacts/${artifactId}/${n}-${sha256}`;
}

/** Unless a part of that name is kept by then, the object goes after that time. */
export async function noteObject(db: Executor, object: PartObject, notBefore: Date): Promise<void> {
  const { artifactId, n, sha256 } = objectGarbage;
  await db.insert(objectGarbage).values({ ...object, notBefore })
    .onConflictDoUpdate({ target: [artifactId, n, sha256], set: { notBefore } });
}

export async function keepObject(tx: Transaction, { artifactId, n, sha256 }: PartObject): Promise<void> {
  await tx.delete(objectGarbage).where(and(
    eq(objectGarbage.artifactId, artifactId),
    eq(objectGarbage.n, n),
    eq(objectGarbage.sha256, sha256),
  ));
}

/** All objects of the artifacts, which the caller deletes. `artifactIds`: a list, or what selects them. */
export async function discardObjects(tx: Executor, artifactIds: readonly string[] | SQL): Promise<void> {
  const isThat = Array.isArray(artifactIds)
    ? sql`a.id = any(array(select jsonb_array_elements_text(${JSON.stringify(artifactIds)}::jsonb)::uuid))`
    : sql`a.id in (${artifactIds})`;
  await query(
    tx,
    sql`
    insert into object_garbage (artifact_id, n, sha256, not_before)
    select p.artifact_id, p.n, p.sha256, 'epoch'::timestamptz
    from artifacts a join artifact_parts p on p.artifact_id = a.id
    where a.store = 'objects' and ${isThat}
    on conflict (artifact_id, n, sha256) do update set not_before = excluded.not_before`,
  );
}

/** What may go now. A part that was sent again beside the end of its upload was noted, and is kept all the same. */
export async function listGarbage(db: Executor, now: Date, limit: number): Promise<PartObject[]> {
  await query(
    db,
    sql`
    delete from object_garbage g using artifact_parts p
    where p.artifact_id = g.artifact_id and p.n = g.n and p.sha256 = g.sha256
      and g.not_before <= ${now.toISOString()}::timestamptz`,
  );
  const { artifactId, n, sha256 } = objectGarbage;
  return await db.select({ artifactId, n, sha256 }).from(objectGarbage)
    .where(lte(objectGarbage.notBefore, now)).orderBy(artifactId, n, sha256).limit(limit);
}

/** They are gone; one that is being written again meanwhile has a later time, and stays noted. */
export async function forgetGarbage(db: Executor, objects: readonly PartObject[], now: Date): Promise<void> {
  if (objects.length === 0) return;
  await query(
    db,
    sql`
    delete from object_garbage g
    using jsonb_to_recordset(${
      JSON.stringify(objects)
    }::jsonb) as o("artifactId" uuid, "n" int, "sha256" text)
    where g.artifact_id = o."artifactId" and g.n = o."n" and g.sha256 = o."sha256"
      and g.not_before <= ${now.toISOString()}::timestamptz`,
  );
}
