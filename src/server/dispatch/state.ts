/** Reading and writing workflow state for an attempt (M13): only while it may act, and never for runs of strangers (FK-07). */
import { STATE_VALUE_MAX_BYTES, StateReply, type StateRequest } from "../../protocol/state.ts";
import * as v from "valibot";
import type { ServerPorts } from "../ports.ts";
import { isLive } from "../store/attempts.ts";
import type { Transaction } from "../store/db.ts";
import { getRunById, type RunRow } from "../store/runs.ts";
import {
  deleteState,
  getState,
  keepStateAnswer,
  listState,
  putState,
  stateAnswerOf,
  type StatePlace,
  type StateRow,
} from "../store/state.ts";
import { admitHeld, type AttemptCaller, fenced, type ReportRefusal } from "./caller.ts";

export type StateAnswer = { readonly ok: true; readonly reply: StateReply } | ReportRefusal;

export async function accessState(
  ports: ServerPorts,
  caller: AttemptCaller,
  request: StateRequest,
  /** The same whenever the message is sent again; null: it has none. */
  requestId: string | null,
): Promise<StateAnswer> {
  return await ports.db.transaction(async (tx): Promise<StateAnswer> => {
    const held = await admitHeld(tx, caller, request.fence);
    if (!held.ok) return held;
    if (!isLive(held.attempt)) return fenced();
    if (held.run.trust === "untrusted") {
      return {
        ok: false,
        code: "forbidden",
        message: "a run of an unapproved fork has no access to workflow state",
      };
    }
    const place = await placeOf(tx, held.run, request);
    const work = (): Promise<StateAnswer> => act(tx, place, request, new Date(ports.clock.now()));
    return requestId === null || (request.op !== "put" && request.op !== "delete")
      ? await work()
      : await once(tx, { attemptId: held.attempt.id, requestId }, request, work);
  });
}

/** The attempt is held, so copies that come at once go one after the other. */
async function once(
  tx: Transaction,
  key: { readonly attemptId: string; readonly requestId: string },
  request: Extract<StateRequest, { op: "put" | "delete" }>,
  work: () => Promise<StateAnswer>,
): Promise<StateAnswer> {
  const value = request.op === "put" ? request.value ?? null : null;
  const known = v.safeParse(StateReply, await stateAnswerOf(tx, key.attemptId, key.requestId));
  if (known.success) {
    const { entries, isNew } = known.output;
    return { ok: true, reply: { entries: entries.map((entry) => ({ ...entry, value })), isNew } };
  }
  const done = await work();
  if (done.ok) {
    const entries = done.reply.entries.map((entry) => ({ ...entry, value: null }));
    await keepStateAnswer(tx, { ...key, reply: { ...done.reply, entries } });
  }
  return done;
}

async function placeOf(
  tx: Transaction,
  run: RunRow,
  { scope, namespace }: StateRequest,
): Promise<StatePlace> {
  switch (scope) {
    case "dag":
      return { scope: `dag:${run.name}`, namespace };
    case "root_dag": {
      const root = run.rootId === null ? run : await getRunById(tx, run.rootId);
      return { scope: `root_dag:${(root ?? run).name}`, namespace };
    }
    case "global":
    case "custom":
      return { scope, namespace };
    default:
      return scope satisfies never;
  }
}

async function act(
  tx: Transaction,
  place: StatePlace,
  request: StateRequest,
  now: Date,
): Promise<StateAnswer> {
  switch (request.op) {
    case "get":
      return answer(await getState(tx, place, request.key));
    case "list":
      return {
        ok: true,
        reply: {
          entries: (await listState(tx, place, request.keyPrefix, request.limit)).map(entryOf),
          isNew: false,
        },
      };
    case "put": {
      const size = new TextEncoder().encode(JSON.stringify(request.value) ?? "").length;
      if (size > STATE_VALUE_MAX_BYTES) {
        return {
          ok: false,
          code: "too_large",
          message: `the value is larger than ${STATE_VALUE_MAX_BYTES} bytes`,
        };
      }
      const expected = request.createOnly ? 0 : request.expectedVersion;
      const row = await putState(tx, place, request.key, request.value ?? null, expected, now);
      return row === null ? conflict(request.key, expected) : answer(row);
    }
    case "delete": {
      const row = await deleteState(tx, place, request.key, request.expectedVersion);
      if (row !== null || request.expectedVersion === null) return answer(row);
      return await getState(tx, place, request.key) === null
        ? answer(null)
        : conflict(request.key, request.expectedVersion);
    }
    default:
      return request satisfies never;
  }
}

function conflict(key: string, expected: number | null): StateAnswer {
  const message = expected === 0
    ? `state "${key}" exists already`
    : `state "${key}" is not at version ${expected}`;
  return { ok: false, code: "conflict", message };
}

function answer(row: StateRow | null): StateAnswer {
  return { ok: true, reply: { entries: row === null ? [] : [entryOf(row)], isNew: row?.version === 1 } };
}

function entryOf({ key, value, version }: StateRow): StateReply["entries"][number] {
  return { key, value, version };
}
