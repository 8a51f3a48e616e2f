/** `redis.*` on a real server (workflow-language contract 6.6). */
import assert from "node:assert/strict";
import { openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";
import { openRedisServer } from "../../support/redis-server.ts";
import * as v from "valibot";
import { openRedis } from "../../../src/runner/actions/redis-session.ts";
import { type RedisAction, redisSettings } from "../../../src/workflow/actions/redis.ts";

type Given = Readonly<Record<string, unknown>>;

async function perform(
  name: RedisAction,
  given: Given,
  redis: Given = {},
  signal?: AbortSignal,
): Promise<Performed> {
  await using host = await openHostBench({ scope: { defaults: { redis } } });
  return await host.perform({ action: namedCall(name, given) }, signal);
}

/** What an operation answers, with the server from root `redis`. */
async function ask(port: number, name: RedisAction, given: Given = {}): Promise<unknown> {
  const { outcome, stdout } = await perform(name, given, { port: String(port), host: "127.0.0.1" });
  assert.equal(outcome.failure, null, `${name}: ${outcome.failure?.message}`);
  return JSON.parse(stdout);
}

const CASES: Readonly<Record<string, readonly (readonly [RedisAction, Given, unknown])[]>> = {
  "texts and numbers": [
    ["redis.ping", {}, "PONG"],
    ["redis.set", { key: "a", value: { b: [1] } }, "OK"],
    ["redis.get", { key: "a" }, '{"b":[1]}'],
    ["redis.set", { key: "a", value: "x", nx: true }, null],
    ["redis.set", { key: "nobody", value: "x", xx: "true" }, null],
    ["redis.set", { key: "t", value: 7, ttl: "1m40s" }, "OK"],
    ["redis.ttl", { key: "t" }, 100],
    ["redis.set", { key: "t", value: 8, keep_ttl: true }, "OK"],
    ["redis.persist", { key: "t" }, 1],
    ["redis.ttl", { key: "t" }, -1],
    ["redis.incr", { key: "t" }, 9],
    ["redis.incr", { key: "t", value: 5 }, 14],
    ["redis.decr", { key: "t", value: "4" }, 10],
    ["redis.append", { key: "t", value: "0" }, 3],
    ["redis.strlen", { key: "t" }, 3],
    ["redis.mset", { values: { m: 1, n: "zwei" } }, "OK"],
    ["redis.mget", { keys: ["m", "nobody", "n"] }, ["1", null, "zwei"]],
    ["redis.getdel", { key: "m" }, "1"],
    ["redis.get", { key: "m" }, null],
    ["redis.rename", { key: "n", destination: "o" }, "OK"],
    ["redis.rename", { key: "o", destination: "t", nx: true }, 0],
    ["redis.type", { key: "o" }, "string"],
    ["redis.exists", { key: "o", keys: ["t", "m"] }, 2],
    ["redis.expire", { key: "o", ttl: 60 }, 1],
    ["redis.del", { keys: ["o", "t"] }, 2],
    ["redis.dbsize", {}, 1],
    ["redis.flushdb", {}, "OK"],
  ],
  "hashes": [
    ["redis.hset", { key: "h", fields: { a: 1, b: "two" }, field: "c", value: [3] }, 3],
    ["redis.hset", { key: "h", field: "d", value: 4 }, 1],
    ["redis.hdel", { key: "h", fields: ["d", "e"] }, 1],
    ["redis.hget", { key: "h", field: "b" }, "two"],
    ["redis.hmget", { key: "h", fields: ["a", "z"] }, ["1", null]],
    ["redis.hgetall", { key: "h" }, { c: "[3]", a: "1", b: "two" }],
    ["redis.hgetall", { key: "nobody" }, {}],
    ["redis.hincrby", { key: "h", field: "a", value: 4 }, 5],
    ["redis.hexists", { key: "h", field: "z" }, 0],
    ["redis.hdel", { key: "h", field: "c" }, 1],
    ["redis.hkeys", { key: "h" }, ["a", "b"]],
    ["redis.hvals", { key: "h" }, ["5", "two"]],
    ["redis.hlen", { key: "h" }, 2],
  ],
  "lists": [
    ["redis.rpush", { key: "l", values: ["b", "c"] }, 2],
    ["redis.lpush", { key: "l", value: "a" }, 3],
    ["redis.lrange", { key: "l" }, ["a", "b", "c"]],
    ["redis.lrange", { key: "l", start: 1, stop: 1 }, ["b"]],
    ["redis.lindex", { key: "l", index: -1 }, "c"],
    ["redis.lset", { key: "l", index: 0, value: "A" }, "OK"],
    ["redis.lrem", { key: "l", value: "b" }, 1],
    ["redis.llen", { key: "l" }, 2],
    ["redis.lpop", { key: "l" }, "A"],
    ["redis.rpop", { key: "l", count: 2 }, ["c"]],
    ["redis.rpush", { key: "l", value: "z" }, 1],
    ["redis.blpop", { keys: ["k", "l"], wait: 1 }, { key: "l", value: "z" }],
    ["redis.brpop", { key: "l", wait: "0.1" }, null],
    ["redis.rpush", { key: "l", values: [1, 2, 3] }, 3],
    ["redis.ltrim", { key: "l", start: 0, stop: 1 }, "OK"],
  ],
  "sets, ranks and streams": [
    ["redis.sadd", { key: "s", values: ["a", "b"] }, 2],
    ["redis.sismember", { key: "s", value: "b" }, 1],
    ["redis.srem", { key: "s", value: "b" }, 1],
    ["redis.smembers", { key: "s" }, ["a"]],
    ["redis.scard", { key: "s" }, 1],
    ["redis.zadd", { key: "z", members: { a: 1, b: 2.5 }, value: "c", score: 3 }, 3],
    ["redis.zrange", { key: "z", rev: true }, ["c", "b", "a"]],
    ["redis.zrange", { key: "z", stop: 0, with_scores: true }, [{ value: "a", score: 1 }]],
    ["redis.zrangebyscore", { key: "z", min: "(1", max: 2.5 }, ["b"]],
    ["redis.zincrby", { key: "z", value: "a", score: 9 }, "10"],
    ["redis.zscore", { key: "z", value: "b" }, "2.5"],
    ["redis.zrem", { key: "z", value: "b" }, 1],
    ["redis.zcard", { key: "z" }, 2],
    ["redis.xadd", { key: "x", id: "1-1", fields: { a: "b" }, max_len: 10 }, "1-1"],
    ["redis.xrange", { key: "x", count: 5 }, [{ id: "1-1", fields: { a: "b" } }]],
    ["redis.xlen", { key: "x" }, 1],
    ["redis.publish", { channel: "news", message: "hi" }, 0],
  ],
  "scripts, pipelines, any command": [
    ["redis.eval", { script: "return {KEYS[1], ARGV[1]}", keys: "k", args: ["v"] }, ["k", "v"]],
    ["redis.pipeline", { pipeline: ["SET p 1", ["INCRBY", "p", 4], ["get", "p"]] }, ["OK", 5, "5"]],
    ["redis.pipeline", { pipeline: [["INCR", "p"], ["INCR", "p"]], transaction: true }, [6, 7]],
    ["redis.command", { command: "OBJECT ENCODING p" }, "int"],
    ["redis.command", { command: ["SET", "with space", "a b"] }, "OK"],
    ["redis.keys", { match: "with*" }, ["with space"]],
    ["redis.scan", { count: 1 }, ["p", "with space"]],
    ["redis.scan", { type: "hash" }, []],
    ["redis.lock", { key: "job", value: "me", ttl: 30 }, { key: "job", value: "me" }],
    ["redis.unlock", { key: "job", value: "you" }, 0],
    ["redis.unlock", { key: "job", value: "me" }, 1],
  ],
};

Deno.test("6.6 redis operations answer as JSON", async (test) => {
  for (const [group, cases] of Object.entries(CASES)) {
    await using server = await openRedisServer(null);
    await test.step(group, async () => {
      for (const [name, given, want] of cases) {
        assert.deepEqual(await ask(server.port, name, given), want, `${name} ${JSON.stringify(given)}`);
      }
    });
  }
});

Deno.test("6.6 redis output_format: raw and jsonl", async () => {
  await using server = await openRedisServer(null);
  await ask(server.port, "redis.rpush", { key: "l", values: ["a", "b c"] });
  const cases: readonly (readonly [RedisAction, Given, string])[] = [
    ["redis.lrange", { key: "l", output_format: "raw" }, "a\nb c\n"],
    ["redis.lrange", { key: "l", output_format: "jsonl" }, '"a"\n"b c"\n'],
    ["redis.get", { key: "nobody", output_format: "raw" }, ""],
    ["redis.llen", { key: "l", output_format: "raw" }, "2\n"],
  ];
  for (const [name, given, want] of cases) {
    assert.equal((await perform(name, { ...given, url: `redis://127.0.0.1:${server.port}` })).stdout, want);
  }
});

Deno.test("6.6 redis: who, where and which database, from url, keys or root redis", async () => {
  await using server = await openRedisServer("s3cret/@");
  const { port } = server;
  const at = { host: "127.0.0.1", port };
  const encoded = encodeURIComponent("s3cret/@");
  const get = { key: "k", output_format: "raw" };
  const url = `redis://:${encoded}@127.0.0.1:${port}/3`;
  assert.equal((await perform("redis.set", { key: "k", value: "v", url })).outcome.failure, null);
  const cases: readonly (readonly [Given, Given, string])[] = [
    [{ ...at, password: "s3cret/@", db: 3 }, {}, "v\n"],
    [{ ...at, password: "s3cret/@" }, {}, ""],
    [{}, { ...at, password: "s3cret/@", db: "3" }, "v\n"],
    [{ url: `redis://127.0.0.1:${port}/3`, password: "s3cret/@" }, { password: "other", db: 1 }, "v\n"],
    [{ db: 3 }, { url }, "v\n"],
    [{ db: 2 }, { url }, ""],
  ];
  for (const [given, redis, want] of cases) {
    const { outcome, stdout } = await perform("redis.get", { ...get, ...given }, redis);
    assert.equal(outcome.failure, null, outcome.failure?.message);
    assert.equal(stdout, want, JSON.stringify([given, redis]));
  }
});

Deno.test("6.6 redis says what is wrong, and no password", async () => {
  await using server = await openRedisServer("s3cret");
  const at = { host: "127.0.0.1", port: server.port };
  const known = { ...at, password: "s3cret" };
  const url = (place: string): Given => ({ key: "k", url: `redis://u:s3cret@${place}` });
  const cases: readonly (readonly [RedisAction, Given, RegExp])[] = [
    ["redis.get", { key: "k", ...at }, /NOAUTH/],
    ["redis.get", { key: "k", ...at, password: "s3cret2" }, /WRONGPASS|invalid/i],
    ["redis.get", url("127.0.0.1:1"), /redis 127\.0\.0\.1:1: .*REFUSED/],
    ["redis.get", url("127.0.0.1:99999"), /redis\.url is none of Redis/],
    ["redis.get", url("127.0.0.1/first"), /names a database that is none/],
    ["redis.get", { key: "k", url: "http://u:s3cret@h" }, /redis\.url is none of Redis/],
    ["redis.llen", { key: "t", ...known }, /WRONGTYPE/],
    ["redis.del", { ...known }, /nothing to do it with/],
    ["redis.eval", { script: "return nope(", ...known }, /compiling script/],
    ["redis.pipeline", { pipeline: ["GET t", "LPUSH t x"], ...known }, /command 2 \(LPUSH\): WRONGTYPE/],
    ["redis.pipeline", { pipeline: ["GET t", "NOPE"], transaction: true, ...known }, /command 2 \(NOPE\)/],
    [
      "redis.pipeline",
      { pipeline: ["GET t", "LPUSH t x"], transaction: true, ...known },
      /command 2 \(LPUSH\)/,
    ],
    ["redis.get", { key: "k", ...known, tls: true, timeout: 5 }, /redis 127\.0\.0\.1:\d+: /],
  ];
  await perform("redis.set", { key: "t", value: "x", ...known });
  for (const [name, given, want] of cases) {
    const { outcome } = await perform(name, given);
    const text = `${outcome.failure?.message} ${outcome.failure?.remedy}`;
    assert.match(text, want);
    assert.doesNotMatch(text, /s3cret/);
  }
});

Deno.test("6.6 redis ends at its timeout and at a stop; a lock is waited for", async () => {
  await using server = await openRedisServer(null);
  const at = { host: "127.0.0.1", port: server.port };
  const stop = new AbortController();
  const popping = perform("redis.blpop", { key: "l", ...at }, {}, stop.signal);
  setTimeout(() => stop.abort(), 200);
  assert.match((await popping).outcome.failure?.message ?? "", /stopped/);
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const late = await perform("redis.get", {
    key: "k",
    host: "127.0.0.1",
    port: silent.addr.port,
    timeout: 0.3,
  });
  silent.close();
  assert.match(late.outcome.failure?.message ?? "", /no answer within timeout/);
  await ask(server.port, "redis.lock", { key: "job", ttl: 0.6 });
  const held = await perform("redis.lock", { key: "job", ...at });
  assert.match(held.outcome.failure?.message ?? "", /held by somebody else/);
  assert.equal((await perform("redis.lock", { key: "job", wait: 5, ...at })).outcome.failure, null);
});

Deno.test("6.6 redis: a time that is over between two commands is told as that, and not as a stop", async () => {
  await using server = await openRedisServer(null);
  const over = new AbortController();
  const { signal } = over;
  const limit = { signal, isOver: () => signal.aborted, [Symbol.dispose]: () => {} };
  const settings = v.parse(redisSettings, { host: "127.0.0.1", port: server.port });
  await using session = await openRedis(settings, limit);
  over.abort();
  await assert.rejects(session.ask(["GET", "k"]), /no answer within timeout/);
});

Deno.test("A-02 redis: what is wrong with its keys is told", () => {
  const cases: readonly (readonly [RedisAction, Given, RegExp])[] = [
    ["redis.get", {}, /with\.key: is required/],
    ["redis.set", { key: "k" }, /with\.value: is required/],
    ["redis.get", { key: "k", value: 1 }, /invalid keys: value/],
    ["redis.expire", { key: "k", ttl: "soon" }, /must be seconds or a duration/],
    ["redis.pipeline", { pipeline: [] }, /must have a command/],
    ["redis.get", { key: "k", output_format: "xml" }, /must be one of: json, jsonl, raw/],
  ];
  for (const [name, given, want] of cases) assert.throws(() => namedCall(name, given), want);
});
