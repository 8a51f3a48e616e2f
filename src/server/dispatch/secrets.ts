/** Giving an attempt the values of the secrets that its workflow names (M11). */
import { PublicKey, sealTo } from "../../protocol/sealing.ts";
import type { SecretsReply, SecretsRequest } from "../../protocol/secrets.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { open, purposeOfSecret } from "../secrets/seal.ts";
import type { ServerSettings } from "../settings.ts";
import { type AttemptRow, hasFreshLease, isLive } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import type { RunnerRow } from "../store/runners.ts";
import type { RunRow } from "../store/runs.ts";
import { type CurrentValue, currentValues, noteHandouts } from "../store/secrets.ts";
import { admitHeld, type AttemptCaller, fenced, type ReportRefusal } from "./caller.ts";
import { workflowOf } from "./run-workflow.ts";

export type SecretsAnswer = { readonly ok: true; readonly reply: SecretsReply } | ReportRefusal;

/** Only to a live attempt whose lease is good, of a trusted run whose definition declares them. */
export async function handOutSecrets(
  ports: ServerPorts,
  settings: ServerSettings,
  runner: Pick<RunnerRow, "id" | "publicKey">,
  caller: AttemptCaller,
  request: SecretsRequest,
): Promise<SecretsAnswer> {
  const now = new Date(ports.clock.now());
  const found = await ports.db.transaction(async (tx): Promise<Found | ReportRefusal> => {
    const held = await admitHeld(tx, caller, request.fence);
    if (!held.ok) return held;
    const refusal = await refusalOf(tx, held, request, now);
    if (refusal !== null) return refusal;
    const values = await currentValues(tx, request.refs.map(({ ref }) => ref));
    if (request.checkOnly !== true) {
      const { id: attemptId, runId, runnerId } = held.attempt;
      await noteHandouts(
        tx,
        values.map(({ secretId, version }) => ({ attemptId, secretId, version, runId, runnerId, at: now })),
      );
    }
    return { ok: true, values };
  });
  return found.ok ? await toReply(ports, settings, runner, caller, request, found.values) : found;
}

type Found = { readonly ok: true; readonly values: readonly CurrentValue[] };

async function refusalOf(
  tx: Transaction,
  { attempt, run }: { readonly attempt: AttemptRow; readonly run: RunRow },
  { refs }: SecretsRequest,
  now: Date,
): Promise<ReportRefusal | null> {
  if (!isLive(attempt)) return fenced();
  if (!await hasFreshLease(tx, attempt.id, now)) {
    const message = "the attempt's lease has run out; after the next heartbeat it may ask again";
    return { ok: false, code: "not_ready", message };
  }
  if (run.trust === "untrusted") return forbidden("a run of an unapproved fork is given no secrets");
  const declared = new Set(
    (await workflowOf(tx, run))?.secrets.flatMap(({ source }) =>
      source.kind === "managed" ? [source.ref] : []
    ),
  );
  const undeclared = refs.find(({ ref }) => !declared.has(ref));
  return undeclared === undefined
    ? null
    : forbidden(`the run's definition does not declare the secret ${undeclared.ref}`);
}

async function toReply(
  ports: ServerPorts,
  settings: ServerSettings,
  { publicKey }: Pick<RunnerRow, "publicKey">,
  { attemptId }: AttemptCaller,
  { refs, checkOnly }: SecretsRequest,
  found: readonly CurrentValue[],
): Promise<SecretsAnswer> {
  const values: SecretsReply["values"] = [];
  const missing: string[] = [];
  for (const { name, ref } of refs) {
    const current = found.find((one) => one.ref === ref);
    const value = current === undefined ? null : await open(
      settings.keys,
      purposeOfSecret(current.secretId, current.version),
      current.sealed,
    );
    if (current === undefined || value === null) missing.push(ref);
    else if (checkOnly === true) values.push({ name, version: current.version });
    else {
      const given = v.is(PublicKey, publicKey)
        ? { sealed: await sealTo(publicKey, value, attemptId, ports.random) }
        : { value };
      values.push({ name, version: current.version, ...given });
    }
  }
  return { ok: true, reply: { values, missing } };
}

function forbidden(message: string): ReportRefusal {
  return { ok: false, code: "forbidden", message };
}
