/** `redis.*`: the operations of a Redis server that have a name here (workflow-language contract 6.6). */
import * as v from "valibot";
import { complain, fields, isScalarValue, kindOf, mapping, oneOf, text, texts } from "../schema/fields.ts";
import { anyNumber, bool, defineAction, filled, rootDefaults, seconds, wholeNumber } from "./definition.ts";

const off = v.optional(bool, false);
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** Text; a list or a mapping is stored as JSON. */
const value = v.pipe(
  v.unknown(),
  v.check((one) => one !== undefined && one !== null, complain("is required")),
  v.transform((one) => isScalarValue(one) ? String(one) : JSON.stringify(one)),
);
const values = v.pipe(
  v.custom<readonly unknown[]>(
    (one) => Array.isArray(one) && one.length > 0,
    (issue) => complain(`must be a list with at least one value, got ${kindOf(issue.input)}`),
  ),
  v.array(value),
);
const valueMap = v.pipe(
  mapping,
  v.check((one) => Object.keys(one).length > 0, complain("must not be empty")),
  v.record(v.string(), value),
);

/** Each may come from root `redis` instead. */
const connection = {
  url: v.optional(filled),
  host: v.optional(filled),
  port: v.optional(wholeNumber(1, 65_535)),
  username: v.optional(text),
  password: v.optional(text),
  db: v.optional(wholeNumber(0)),
  tls: v.optional(bool),
  tls_skip_verify: v.optional(bool),
  timeout: v.optional(seconds),
};

/** What a step's `with` and root `redis` make together. */
export const redisSettings = v.object({ ...connection, timeout: v.optional(seconds, 30) });
export type RedisSettings = v.InferOutput<typeof redisSettings>;

export const rootRedis = rootDefaults(connection, "redis");

const common = { ...connection, output_format: v.optional(oneOf(["json", "jsonl", "raw"], true), "json") };

function operation<const N extends string, const E extends v.ObjectEntries>(name: N, entries: E) {
  return defineAction(fields({ ...entries, ...common }, { of: `with of redis.${name}` }));
}

const key = filled;
const field = filled;
const whole = wholeNumber(-NUMBER_MAX);
const score = anyNumber(-NUMBER_MAX, NUMBER_MAX);
const range = { start: v.optional(whole, 0), stop: v.optional(whole, -1) };
/** One of the two, or both. */
const someKeys = { key: v.optional(key), keys: v.optional(texts, []) };
const someValues = { key, value: v.optional(value), values: v.optional(values) };
const someFields = { key, field: v.optional(field), fields: v.optional(texts, []) };

/** A step of a pipeline: a command as Redis knows it, word by word. */
const command = v.pipe(
  v.unknown(),
  v.transform((one) => typeof one === "string" ? one.trim().split(/\s+/) : one),
  v.array(value, (issue) => complain(`must be a command, got ${kindOf(issue.input)}`)),
  v.minLength(1, complain("must name a command")),
  v.check((words) => words[0] !== "", complain("must name a command")),
);

export const REDIS_ACTIONS = {
  "redis.append": operation("append", { key, value }),
  "redis.blpop": operation("blpop", { ...someKeys, wait: v.optional(seconds, 0) }),
  "redis.brpop": operation("brpop", { ...someKeys, wait: v.optional(seconds, 0) }),
  "redis.command": operation("command", { command }),
  "redis.dbsize": operation("dbsize", {}),
  "redis.decr": operation("decr", { key, value: v.optional(whole, 1) }),
  "redis.del": operation("del", someKeys),
  "redis.eval": operation("eval", {
    script: filled,
    keys: v.optional(texts, []),
    args: v.optional(texts, []),
  }),
  "redis.exists": operation("exists", someKeys),
  "redis.expire": operation("expire", { key, ttl: seconds }),
  "redis.flushdb": operation("flushdb", {}),
  "redis.get": operation("get", { key }),
  "redis.getdel": operation("getdel", { key }),
  "redis.hdel": operation("hdel", someFields),
  "redis.hexists": operation("hexists", { key, field }),
  "redis.hget": operation("hget", { key, field }),
  "redis.hgetall": operation("hgetall", { key }),
  "redis.hincrby": operation("hincrby", { key, field, value: v.optional(whole, 1) }),
  "redis.hkeys": operation("hkeys", { key }),
  "redis.hlen": operation("hlen", { key }),
  "redis.hmget": operation("hmget", someFields),
  "redis.hset": operation("hset", {
    key,
    field: v.optional(field),
    value: v.optional(value),
    fields: v.optional(valueMap),
  }),
  "redis.hvals": operation("hvals", { key }),
  "redis.incr": operation("incr", { key, value: v.optional(whole, 1) }),
  "redis.info": operation("info", { section: v.optional(filled) }),
  "redis.keys": operation("keys", { match: v.optional(filled, "*") }),
  "redis.lindex": operation("lindex", { key, index: whole }),
  "redis.llen": operation("llen", { key }),
  "redis.lock": operation("lock", {
    key,
    /** Who holds it; left out, a word of chance, which is printed. */
    value: v.optional(value),
    ttl: v.optional(seconds, 30),
    wait: v.optional(seconds, 0),
  }),
  "redis.lpop": operation("lpop", { key, count: v.optional(wholeNumber(1)) }),
  "redis.lpush": operation("lpush", someValues),
  "redis.lrange": operation("lrange", { key, ...range }),
  "redis.lrem": operation("lrem", { key, value, count: v.optional(whole, 0) }),
  "redis.lset": operation("lset", { key, index: whole, value }),
  "redis.ltrim": operation("ltrim", { key, start: whole, stop: whole }),
  "redis.mget": operation("mget", someKeys),
  "redis.mset": operation("mset", { values: valueMap }),
  "redis.persist": operation("persist", { key }),
  "redis.ping": operation("ping", {}),
  "redis.pipeline": operation("pipeline", {
    pipeline: v.pipe(
      v.array(command, (issue) => complain(`must be a list of commands, got ${kindOf(issue.input)}`)),
      v.minLength(1, complain("must have a command")),
    ),
    /** All or nothing, and nobody in between. */
    transaction: off,
  }),
  "redis.publish": operation("publish", { channel: filled, message: value }),
  "redis.rename": operation("rename", { key, destination: filled, nx: off }),
  "redis.rpop": operation("rpop", { key, count: v.optional(wholeNumber(1)) }),
  "redis.rpush": operation("rpush", someValues),
  "redis.sadd": operation("sadd", someValues),
  "redis.scan": operation("scan", {
    match: v.optional(filled, "*"),
    /** How many keys the server looks at in one go. */
    count: v.optional(wholeNumber(1), 1_000),
    type: v.optional(filled),
  }),
  "redis.scard": operation("scard", { key }),
  "redis.set": operation("set", {
    key,
    value,
    ttl: v.optional(seconds),
    nx: off,
    xx: off,
    keep_ttl: off,
  }),
  "redis.sismember": operation("sismember", { key, value }),
  "redis.smembers": operation("smembers", { key }),
  "redis.srem": operation("srem", someValues),
  "redis.strlen": operation("strlen", { key }),
  "redis.ttl": operation("ttl", { key }),
  "redis.type": operation("type", { key }),
  "redis.unlock": operation("unlock", { key, value }),
  "redis.xadd": operation("xadd", {
    key,
    fields: valueMap,
    id: v.optional(filled, "*"),
    max_len: v.optional(wholeNumber(0)),
  }),
  "redis.xlen": operation("xlen", { key }),
  "redis.xrange": operation("xrange", {
    key,
    start: v.optional(filled, "-"),
    stop: v.optional(filled, "+"),
    count: v.optional(wholeNumber(1)),
  }),
  "redis.zadd": operation("zadd", {
    key,
    value: v.optional(value),
    score: v.optional(score),
    members: v.optional(v.pipe(mapping, v.record(v.string(), score)), {}),
    nx: off,
    xx: off,
  }),
  "redis.zcard": operation("zcard", { key }),
  "redis.zincrby": operation("zincrby", { key, value, score: v.optional(score, 1) }),
  "redis.zrange": operation("zrange", { key, ...range, rev: off, with_scores: off }),
  "redis.zrangebyscore": operation("zrangebyscore", {
    key,
    min: v.optional(filled, "-inf"),
    max: v.optional(filled, "+inf"),
    with_scores: off,
  }),
  "redis.zrem": operation("zrem", someValues),
  "redis.zscore": operation("zscore", { key, value }),
} as const;

export type RedisAction = keyof typeof REDIS_ACTIONS;

/** What such an action is given: its checked `with`. */
export type RedisWith<N extends RedisAction> = v.InferOutput<(typeof REDIS_ACTIONS)[N]["with"]>;
