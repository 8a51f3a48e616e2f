/** The commands that the operations stand for, and how their answers read. */
import type { RedisAction, RedisWith } from "../../workflow/actions/redis.ts";
import { ActionError } from "./deed.ts";

export type Words = readonly [string, ...string[]];

export interface Command {
  readonly words: Words;
  /** Of the answer; left out: as it is. */
  readonly read?: (answer: unknown) => unknown;
}

/** Those that are more than one command have deeds of their own. */
export type Composed = "redis.lock" | "redis.pipeline" | "redis.scan";
export type Simple = Exclude<RedisAction, Composed>;

const UNLOCK =
  `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end`;

export const COMMANDS: { readonly [N in Simple]: (given: RedisWith<N>) => Command } = {
  "redis.append": ({ key, value }) => plain("append", key, value),
  "redis.blpop": (given) => popped("blpop", given),
  "redis.brpop": (given) => popped("brpop", given),
  "redis.command": ({ command: [name = "", ...rest] }) => plain(name, ...rest),
  "redis.dbsize": () => plain("dbsize"),
  "redis.decr": ({ key, value }) => plain("decrby", key, String(value)),
  "redis.del": (given) => plain("del", ...keysOf(given)),
  "redis.eval": ({ script, keys, args }) => plain("eval", script, String(keys.length), ...keys, ...args),
  "redis.exists": (given) => plain("exists", ...keysOf(given)),
  "redis.expire": ({ key, ttl }) => plain("pexpire", key, milliseconds(ttl)),
  "redis.flushdb": () => plain("flushdb"),
  "redis.get": ({ key }) => plain("get", key),
  "redis.getdel": ({ key }) => plain("getdel", key),
  "redis.hdel": (given) => plain("hdel", given.key, ...fieldsOf(given)),
  "redis.hexists": ({ key, field }) => plain("hexists", key, field),
  "redis.hget": ({ key, field }) => plain("hget", key, field),
  "redis.hgetall": ({ key }) => ({ words: ["hgetall", key], read: pairs }),
  "redis.hincrby": ({ key, field, value }) => plain("hincrby", key, field, String(value)),
  "redis.hkeys": ({ key }) => plain("hkeys", key),
  "redis.hlen": ({ key }) => plain("hlen", key),
  "redis.hmget": (given) => plain("hmget", given.key, ...fieldsOf(given)),
  "redis.hset": ({ key, field, value, fields }) => {
    const single = field === undefined || value === undefined ? [] : [field, value];
    return plain("hset", key, ...some("field with value, or fields", [...single, ...flat(fields ?? {})]));
  },
  "redis.hvals": ({ key }) => plain("hvals", key),
  "redis.incr": ({ key, value }) => plain("incrby", key, String(value)),
  "redis.info": ({ section }) => plain("info", ...(section === undefined ? [] : [section])),
  "redis.keys": ({ match }) => plain("keys", match),
  "redis.lindex": ({ key, index }) => plain("lindex", key, String(index)),
  "redis.llen": ({ key }) => plain("llen", key),
  "redis.lpop": ({ key, count }) => plain("lpop", key, ...(count === undefined ? [] : [String(count)])),
  "redis.lpush": (given) => plain("lpush", given.key, ...valuesOf(given)),
  "redis.lrange": ({ key, start, stop }) => plain("lrange", key, String(start), String(stop)),
  "redis.lrem": ({ key, value, count }) => plain("lrem", key, String(count), value),
  "redis.lset": ({ key, index, value }) => plain("lset", key, String(index), value),
  "redis.ltrim": ({ key, start, stop }) => plain("ltrim", key, String(start), String(stop)),
  "redis.mget": (given) => plain("mget", ...keysOf(given)),
  "redis.mset": ({ values }) => plain("mset", ...flat(values)),
  "redis.persist": ({ key }) => plain("persist", key),
  "redis.ping": () => plain("ping"),
  "redis.publish": ({ channel, message }) => plain("publish", channel, message),
  "redis.rename": ({ key, destination, nx }) => plain(nx ? "renamenx" : "rename", key, destination),
  "redis.rpop": ({ key, count }) => plain("rpop", key, ...(count === undefined ? [] : [String(count)])),
  "redis.rpush": (given) => plain("rpush", given.key, ...valuesOf(given)),
  "redis.sadd": (given) => plain("sadd", given.key, ...valuesOf(given)),
  "redis.scard": ({ key }) => plain("scard", key),
  "redis.set": ({ key, value, ttl, nx, xx, keep_ttl: keep }) =>
    plain(
      "set",
      key,
      value,
      ...(ttl === undefined ? [] : ["PX", milliseconds(ttl)]),
      ...words({ NX: nx, XX: xx, KEEPTTL: keep }),
    ),
  "redis.sismember": ({ key, value }) => plain("sismember", key, value),
  "redis.smembers": ({ key }) => plain("smembers", key),
  "redis.srem": (given) => plain("srem", given.key, ...valuesOf(given)),
  "redis.strlen": ({ key }) => plain("strlen", key),
  "redis.ttl": ({ key }) => plain("ttl", key),
  "redis.type": ({ key }) => plain("type", key),
  "redis.unlock": ({ key, value }) => plain("eval", UNLOCK, "1", key, value),
  "redis.xadd": ({ key, fields, id, max_len: max }) =>
    plain("xadd", key, ...(max === undefined ? [] : ["MAXLEN", String(max)]), id, ...flat(fields)),
  "redis.xlen": ({ key }) => plain("xlen", key),
  "redis.xrange": ({ key, start, stop, count }) => ({
    words: ["xrange", key, start, stop, ...(count === undefined ? [] : ["COUNT", String(count)])],
    read: entries,
  }),
  "redis.zadd": ({ key, value, score, members, nx, xx }) => {
    const single = value === undefined || score === undefined ? [] : [String(score), value];
    const rest = Object.entries(members).flatMap(([member, number]) => [String(number), member]);
    const all = some("value with score, or members", [...single, ...rest]);
    return plain("zadd", key, ...words({ NX: nx, XX: xx }), ...all);
  },
  "redis.zcard": ({ key }) => plain("zcard", key),
  "redis.zincrby": ({ key, value, score }) => plain("zincrby", key, String(score), value),
  "redis.zrange": ({ key, start, stop, rev, with_scores: scores }) =>
    ranked(scores, rev ? "zrevrange" : "zrange", key, String(start), String(stop)),
  "redis.zrangebyscore": ({ key, min, max, with_scores: scores }) =>
    ranked(scores, "zrangebyscore", key, min, max),
  "redis.zrem": (given) => plain("zrem", given.key, ...valuesOf(given)),
  "redis.zscore": ({ key, value }) => plain("zscore", key, value),
};

function plain(name: string, ...rest: readonly string[]): Command {
  return { words: [name, ...rest] };
}

/** Whole ones, at least one: Redis takes none for a mistake or for at once. */
export function milliseconds(seconds: number): string {
  return String(Math.max(1, Math.round(seconds * 1000)));
}

function words(flags: Readonly<Record<string, boolean>>): string[] {
  return Object.keys(flags).filter((name) => flags[name]);
}

function flat(map: Readonly<Record<string, string>>): string[] {
  return Object.entries(map).flat();
}

function some<T>(what: string, list: readonly T[]): readonly T[] {
  if (list.length === 0) throw new ActionError(`there is nothing to do it with`, `give ${what}`);
  return list;
}

function keysOf(given: { readonly key?: string | undefined; readonly keys: readonly string[] }) {
  return some("key, or keys", [...(given.key === undefined ? [] : [given.key]), ...given.keys]);
}

function valuesOf(
  given: { readonly value?: string | undefined; readonly values?: readonly string[] | undefined },
) {
  return some("value, or values", [
    ...(given.value === undefined ? [] : [given.value]),
    ...given.values ?? [],
  ]);
}

function fieldsOf(given: { readonly field?: string | undefined; readonly fields: readonly string[] }) {
  return some("field, or fields", [...(given.field === undefined ? [] : [given.field]), ...given.fields]);
}

// ---- answers
// ----------------------------------------------------------------------------------------------------

function listOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : [];
}

function couples(answer: unknown): (readonly [string, unknown])[] {
  const list = listOf(answer);
  return list.flatMap((name, at) => at % 2 === 0 ? [[String(name), list[at + 1]] as const] : []);
}

function pairs(answer: unknown): unknown {
  return Object.fromEntries(couples(answer));
}

function entries(answer: unknown): unknown {
  return listOf(answer).map((entry) => ({ id: listOf(entry)[0], fields: pairs(listOf(entry)[1]) }));
}

function ranked(hasScores: boolean, ...line: Words): Command {
  if (!hasScores) return { words: line };
  const read = (answer: unknown): unknown =>
    couples(answer).map(([value, score]) => ({ value, score: Number(score) }));
  return { words: [...line, "WITHSCORES"], read };
}

function popped(
  name: string,
  given: RedisWith<"redis.blpop"> | RedisWith<"redis.brpop">,
): Command {
  const read = (answer: unknown): unknown => {
    const [key, value] = listOf(answer);
    return key === undefined ? null : { key, value };
  };
  return { words: [name, ...keysOf(given), String(given.wait)], read };
}
