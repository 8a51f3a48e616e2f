/** What claimed attempts are about, as their runner must know it. */
import { type SQL, sql } from "drizzle-orm";
import type { Grant } from "../../protocol/grant.ts";
import type { Executor } from "./db.ts";
import { queryTogether } from "./query.ts";
import type { RunRow } from "./runs.ts";

type GrantedRun = Omit<Grant["run"], "dagRunId" | "root" | "labels"> & { labels: string[] };

/** All but the text of the definition. */
export interface Claimed {
  readonly attemptId: string;
  readonly fence: number;
  readonly tokenDigest: string;
  readonly onLost: RunRow["onLost"];
  readonly run: GrantedRun & {
    readonly runId: string;
    readonly dagRunId: string;
    readonly digest: string;
    readonly document: string;
    /** It goes on from the steps as they are. */
    readonly resumes: boolean;
    readonly params: unknown;
    readonly env: unknown;
  };
  readonly inputs: readonly { readonly name: string; readonly digest: string; readonly sizeBytes: number }[];
  readonly root: { readonly name: string; readonly dagRunId: string } | null;
}

export interface ClaimedColumns {
  attempt_id: string;
  fence: number;
  token_digest: string;
  on_lost: RunRow["onLost"];
  run_id: string;
  name: string;
  dag_run_id: string;
  trigger_type: string;
  trigger_actor: string;
  trust: "trusted" | "untrusted";
  queue: string;
  labels: string[];
  schedule_ms: number | null;
  auto_retries: number;
  source_dir: string;
  default_dir: string;
  needs_cpu: number;
  needs_memory: number;
  digest: string;
  document: string;
  resumes: boolean;
  params: unknown;
  env: unknown;
  inputs: Claimed["inputs"] | null;
  root: Claimed["root"];
}

/** Of a run `r`; beside them stand `attempt_id`, `fence` and `token_digest`. */
export const CLAIMED_OF_RUN: SQL =
  sql`r.on_lost, r.id as run_id, r.name, r.dag_run_id, r.trigger_type, r.trigger_actor,
      r.trust, r.queue, r.labels,
      (extract(epoch from r.schedule_time) * 1000)::float8 as schedule_ms, r.auto_retries, r.source_dir,
      r.default_dir, r.needs_cpu, r.needs_memory::float8 as needs_memory, r.digest, r.document, r.resumes, r.params, r.env,
      (select jsonb_agg(jsonb_build_object('name', i.name, 'digest', i.digest, 'sizeBytes', i.size_bytes))
        from run_inputs i where i.run_id = r.id) as inputs,
      (select jsonb_build_object('name', o.name, 'dagRunId', o.dag_run_id) from runs o
        where o.id = r.root_id) as root`;

export async function readClaimed(db: Executor, attemptIds: readonly string[]): Promise<Claimed[]> {
  const rows = await queryTogether<ClaimedColumns>(
    db,
    sql`
    select a.id as attempt_id, a.fence, a.token_digest, ${CLAIMED_OF_RUN}
    from attempts a join runs r on r.id = a.run_id
    where a.id in (select value::uuid from jsonb_array_elements_text(${JSON.stringify(attemptIds)}::jsonb))`,
  );
  return rows.map(toClaimed);
}

export function toClaimed(row: ClaimedColumns): Claimed {
  return {
    attemptId: row.attempt_id,
    fence: row.fence,
    tokenDigest: row.token_digest,
    onLost: row.on_lost,
    run: {
      runId: row.run_id,
      name: row.name,
      dagRunId: row.dag_run_id,
      triggerType: row.trigger_type,
      triggerActor: row.trigger_actor,
      trust: row.trust,
      queue: row.queue,
      labels: row.labels,
      scheduleTime: row.schedule_ms === null ? "" : new Date(row.schedule_ms).toISOString(),
      autoRetries: row.auto_retries,
      sourceDir: row.source_dir,
      defaultDir: row.default_dir,
      needs: { cpu: row.needs_cpu, memoryBytes: row.needs_memory },
      digest: row.digest,
      document: row.document,
      resumes: row.resumes,
      params: row.params,
      env: row.env,
    },
    inputs: (row.inputs ?? []).toSorted((a, b) => a.name < b.name ? -1 : 1),
    root: row.root,
  };
}
