/** `state.*`: asked of the control plane, which keeps the values. */
import { sha256 } from "../../workflow/digest.ts";
import type { StateEntry, StateReply, StateRequest } from "../../protocol/state.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, printResult } from "./deed.ts";
import type { Work } from "./work.ts";

type Place = Pick<With<"state.get">, "scope" | "namespace">;

export async function stateGet(given: With<"state.get">, work: Work): Promise<Outcome> {
  const [entry] = (await ask(work, { ...placeOf(given), op: "get", key: given.key })).entries;
  if (entry === undefined && given.required) {
    throw new ActionError(`there is no state "${given.key}"`, "set it first, or give a default");
  }
  return await printResult(work, {
    ...head("get", given, given.key),
    found: entry !== undefined,
    value: entry?.value ?? given.default ?? null,
    ...await facts(entry),
  });
}

export async function stateSet(given: With<"state.set">, work: Work): Promise<Outcome> {
  const reply = await put(
    work,
    given,
    given.key,
    given.value,
    given.expected_version ?? null,
    given.create_only,
  );
  const [entry] = reply.entries;
  return await printResult(work, {
    ...head("set", given, given.key),
    created: reply.isNew,
    ...await facts(entry),
  });
}

export async function stateDelete(given: With<"state.delete">, work: Work): Promise<Outcome> {
  const expectedVersion = given.expected_version ?? null;
  const reply = await ask(work, { ...placeOf(given), op: "delete", key: given.key, expectedVersion });
  return await printResult(work, { ...head("delete", given, given.key), deleted: reply.entries.length > 0 });
}

export async function stateList(given: With<"state.list">, work: Work): Promise<Outcome> {
  const reply = await ask(work, {
    ...placeOf(given),
    op: "list",
    keyPrefix: given.prefix,
    limit: given.limit,
  });
  const entries = await Promise.all(reply.entries.map(async (entry) => ({
    key: entry.key,
    ...await facts(entry),
    ...(given.include_values ? { value: entry.value } : {}),
  })));
  const { key: _key, ...rest } = head("list", given, "");
  return await printResult(work, { ...rest, entries });
}

/** What is different from the last time; with `update` the new value is the last from now on. */
export async function stateDiff(given: With<"state.diff">, work: Work): Promise<Outcome> {
  const [before] = (await ask(work, { ...placeOf(given), op: "get", key: given.key })).entries;
  const isChanged = before === undefined || canonical(before.value) !== canonical(given.value);
  if (given.update && isChanged) {
    await put(work, given, given.key, given.value, before?.version ?? 0, false);
  }
  return await printResult(work, {
    ...head("diff", given, given.key),
    changed: isChanged,
    foundPrevious: before !== undefined,
    previous: before?.value ?? null,
    current: given.value ?? null,
  });
}

// ---- the control plane ------------------------------------------------------------------------------------------

type Asked<T> = T extends unknown ? Omit<T, "fence"> : never;

async function ask(work: Work, request: Asked<StateRequest>): Promise<StateReply> {
  const reply = await work.attempt.state(request, work.signal);
  if ("problem" in reply) throw new ActionError(reply.problem);
  return reply;
}

async function put(
  work: Work,
  place: Place,
  key: string,
  value: unknown,
  expectedVersion: number | null,
  createOnly: boolean,
): Promise<StateReply> {
  return await ask(work, {
    ...placeOf(place),
    op: "put",
    key,
    value: value ?? null,
    expectedVersion,
    createOnly,
  });
}

function placeOf({ scope, namespace }: Place): Place {
  return { scope, namespace };
}

function head(operation: string, { scope, namespace }: Place, key: string): Record<string, unknown> {
  return { operation, scope, namespace, key };
}

async function facts(entry: StateEntry | undefined): Promise<Record<string, unknown>> {
  if (entry === undefined) return {};
  return { version: entry.version, hash: await sha256(canonical(entry.value)) };
}

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
}
