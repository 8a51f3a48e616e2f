/** `redis.*` (workflow-language contract 6.6). */
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { RedisAction, RedisWith } from "../../workflow/actions/redis.ts";
import { ActionError, print } from "./deed.ts";
import { startLimit } from "./limit.ts";
import {
  type Command,
  COMMANDS,
  type Composed,
  milliseconds,
  type Simple,
  type Words,
} from "./redis-commands.ts";
import { openRedis, readSettings, type RedisSession } from "./redis-session.ts";
import type { Work } from "./work.ts";

type Ask<N extends RedisAction> = (
  given: RedisWith<N>,
  session: RedisSession,
  work: Work,
) => Promise<unknown>;

const COMPOSED: { readonly [N in Composed]: Ask<N> } = {
  "redis.lock": lock,
  "redis.pipeline": pipeline,
  "redis.scan": scan,
};

export function redisDeed<N extends RedisAction>(
  name: N,
): (given: RedisWith<N>, work: Work) => Promise<Outcome> {
  return async (given, work) => {
    const settings = readSettings(given, work);
    const wait = "wait" in given && typeof given.wait === "number" ? given.wait : null;
    // Waiting is what such an operation is for: that time comes on top, and 0 is for ever.
    const isEndless = (name === "redis.blpop" || name === "redis.brpop") && wait === 0;
    using limit = startLimit(settings.timeout === 0 || isEndless ? 0 : settings.timeout + (wait ?? 0), work);
    const ask = asking(name);
    await using session = await openRedis(settings, limit);
    const answer = await ask(given, session, work);
    await print(work, answerText(answer, given.output_format));
    return succeeded(null);
  };
}

function asking<N extends RedisAction>(name: N): Ask<N> {
  const composed: Partial<Record<RedisAction, unknown>> = COMPOSED;
  // Looked up by its name, so that it is the one for this `with`.
  if (composed[name] !== undefined) return composed[name] as Ask<N>;
  const command = COMMANDS[name as Simple] as (given: RedisWith<N>) => Command;
  return async (given, session) => {
    const { words, read } = command(given);
    const answer = await session.ask(words);
    return read === undefined ? answer : read(answer);
  };
}

function answerText(answer: unknown, format: "json" | "jsonl" | "raw"): string {
  const list = Array.isArray(answer) ? answer : [answer];
  switch (format) {
    case "json":
      return `${JSON.stringify(answer ?? null)}\n`;
    case "jsonl":
      return list.map((one) => `${JSON.stringify(one ?? null)}\n`).join("");
    case "raw":
      return list.map((one) => one === null || one === undefined ? "" : `${rawText(one)}\n`).join("");
    default:
      return format satisfies never;
  }
}

function rawText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// ---- more than one command
// --------------------------------------------------------------------------------------

/** Every key once, however long it takes: the server is free in between. */
async function scan(given: RedisWith<"redis.scan">, session: RedisSession): Promise<string[]> {
  const found = new Set<string>();
  const type = given.type === undefined ? [] : ["TYPE", given.type];
  let cursor = "0";
  do {
    const answer = await session.ask([
      "scan",
      cursor,
      "MATCH",
      given.match,
      "COUNT",
      String(given.count),
      ...type,
    ]);
    const [next, keys] = Array.isArray(answer) ? answer : [];
    for (const key of Array.isArray(keys) ? keys : []) found.add(String(key));
    cursor = String(next ?? "0");
  } while (cursor !== "0");
  return [...found].sort();
}

async function pipeline(given: RedisWith<"redis.pipeline">, session: RedisSession): Promise<unknown[]> {
  const lines = given.pipeline.map(([name = "", ...rest]): Words => [name, ...rest]);
  const all: readonly Words[] = given.transaction ? [["multi"], ...lines, ["exec"]] : lines;
  const answers = await session.askAll(all);
  const bad = answers.findIndex((answer) => answer instanceof Error);
  if (bad !== -1) {
    const at = given.transaction ? bad - 1 : bad;
    const why = answers[bad];
    throw new ActionError(
      `command ${at + 1} (${lines[at]?.[0] ?? "exec"}): ${why instanceof Error ? why.message : ""}`,
      given.transaction ? "nothing of the transaction was done" : "the other commands were done",
    );
  }
  if (!given.transaction) return [...answers];
  const done = answers.at(-1);
  return readTransaction(Array.isArray(done) ? done : [], lines);
}

/** A command of a transaction can still fail while it runs; the others stay done. */
function readTransaction(answers: readonly unknown[], lines: readonly Words[]): unknown[] {
  const bad = answers.findIndex((answer) => answer instanceof Error);
  if (bad === -1) return [...answers];
  const why = answers[bad];
  throw new ActionError(
    `command ${bad + 1} (${lines[bad]?.[0]}): ${why instanceof Error ? why.message : ""}`,
    "the other commands were done",
  );
}

const LOOK_MS = 200;

/** Answers who holds it now: the word that `redis.unlock` wants. */
async function lock(
  { key, value, ttl, wait }: RedisWith<"redis.lock">,
  session: RedisSession,
  work: Work,
): Promise<unknown> {
  const owner = value ?? work.attempt.ids.uuid();
  const { clock } = work.attempt;
  const end = clock.mono() + wait * 1000;
  for (;;) {
    if (await session.ask(["set", key, owner, "NX", "PX", milliseconds(ttl)]) !== null) {
      return { key, value: owner };
    }
    if (clock.mono() + LOOK_MS > end) {
      throw new ActionError(
        `the lock ${key} is held by somebody else`,
        "raise wait, or look who does not unlock it",
      );
    }
    await clock.sleep(LOOK_MS, work.signal);
  }
}
