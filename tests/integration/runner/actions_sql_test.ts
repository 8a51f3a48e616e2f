/** `postgres.*` and `sqlite.*` on real databases (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { required } from "../../support/engines.ts";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall, resultOf } from "../../support/named-call.ts";
import type { NamedAction } from "../../../src/workflow/actions/names.ts";

type Given = Readonly<Record<string, unknown>>;

interface Store extends AsyncDisposable {
  readonly kind: "postgres" | "sqlite";
  readonly dsn: string;
  readonly host: HostBench;
  query(given: Given, signal?: AbortSignal): Promise<Performed>;
  load(given: Given): Promise<Performed>;
  /** Rows of one query, as values. */
  rows(query: string): Promise<unknown[]>;
  write(name: string, text: string): Promise<void>;
}

const SCHEMA = "create table people (id int primary key, name text not null, born date)";

/** A fresh table: in a file, or in a schema of its own. */
async function openStore(kind: Store["kind"]): Promise<Store> {
  const host = await openHostBench();
  const schema = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  const dsn = kind === "sqlite" ? "people.db" : withSchema(schema);
  const perform = (name: NamedAction, given: Given, signal?: AbortSignal) =>
    host.perform({ action: namedCall(name, { dsn, ...given }) }, signal);
  const query: Store["query"] = (given, signal) => perform(`${kind}.query`, given, signal);
  const opening = kind === "sqlite" ? SCHEMA : `create schema ${schema}; ${SCHEMA}`;
  good(await query({ query: opening }));
  return {
    kind,
    dsn,
    host,
    query,
    load: (given) => perform(`${kind}.import`, { import: { table: "people", ...given } }),
    rows: async (text) => lines(good(await query({ query: text }))),
    write: (name, text) => Deno.writeTextFile(join(host.workspace.workDir, name), text),
    [Symbol.asyncDispose]: async () => {
      if (kind === "postgres") good(await query({ query: `drop schema ${schema} cascade` }));
      await host[Symbol.asyncDispose]();
    },
  };
}

function withSchema(schema: string): string {
  const url = new URL(required("DAGU_TEST_DATABASE_URL"));
  url.searchParams.set("options", `-c search_path=${schema}`);
  return url.href;
}

function good(performed: Performed): Performed {
  assert.equal(performed.outcome.failure, null, performed.outcome.failure?.message);
  return performed;
}

function lines({ stdout }: Performed): unknown[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

for (const kind of ["postgres", "sqlite"] as const) {
  const place = kind === "postgres" ? "$1" : "?";

  Deno.test(`6.5 ${kind}.query prints rows as jsonl, json or csv`, async () => {
    await using store = await openStore(kind);
    const query = "insert into people (id, name) values (1, 'Ann'), (2, 'B,o\"b') returning id, name, born";
    const { outcome, stdout } = good(await store.query({ query }));
    assert.equal(stdout, '{"id":1,"name":"Ann","born":null}\n{"id":2,"name":"B,o\\"b","born":null}\n');
    assert.deepEqual(outcome.outputs, { row_count: "2", rows_affected: "2" });
    const select = "select id, name, born from people order by id";
    const cases: readonly (readonly [Given, string])[] = [
      [
        { output_format: "json" },
        '[\n  {"id":1,"name":"Ann","born":null},\n  {"id":2,"name":"B,o\\"b","born":null}\n]\n',
      ],
      [{ output_format: "json", query: `select id from people where id > 9` }, "[]\n"],
      [{ output_format: "csv" }, '1,Ann,\n2,"B,o""b",\n'],
      [
        { output_format: "csv", headers: true, null_string: "NULL", max_rows: 1 },
        "id,name,born\n1,Ann,NULL\n",
      ],
      [{ output_format: "csv", headers: true, query: `select id from people where id > 9` }, "id\n"],
      [{ max_rows: "1" }, '{"id":1,"name":"Ann","born":null}\n'],
      [{ query: "update people set name = 'x'" }, ""],
      [{ query: "select 1 as a; select 2 as b -- ;" }, '{"b":2}\n'],
    ];
    for (const [given, want] of cases) {
      assert.equal(good(await store.query({ query: select, ...given })).stdout, want, JSON.stringify(given));
    }
  });

  Deno.test(`6.5 ${kind}.query takes params as a list or by name, never as text of the query`, async () => {
    await using store = await openStore(kind);
    const evil = "'; drop table people; --";
    const one = await store.query({ query: `select cast(${place} as text) as a`, params: [evil] });
    assert.deepEqual(lines(good(one)), [{ a: evil }]);
    const query = "select cast(:a as text) as a, cast(:b as int) + cast(:b as int) as b, ':c' as c";
    assert.deepEqual(lines(good(await store.query({ query, params: { a: evil, b: 21 } }))), [
      { a: evil, b: 42, c: ":c" },
    ]);
    const { outcome } = await store.query({ query, params: { a: 1 } });
    assert.match(outcome.failure?.message ?? "", /query names :b, params does not/);
    const many = await store.query({ query, params: { a: 1, b: 1, d: 1 } });
    assert.match(many.outcome.failure?.message ?? "", /params names d, query does not/);
  });

  if (kind === "sqlite") {
    Deno.test("6.5 sqlite.query knows all three ways in which SQLite writes a name", async () => {
      await using store = await openStore(kind);
      const query = "select :a as a, @b as b, $c as c";
      assert.deepEqual(lines(good(await store.query({ query, params: { a: 1, b: "x", c: null } }))), [
        { a: 1, b: "x", c: null },
      ]);
    });
  }

  Deno.test(`6.5 ${kind}.query: numbers of 64 bits are not bent, many rows flow into a file`, async () => {
    await using store = await openStore(kind);
    const big = "select cast(9007199254740993 as bigint) as big, cast(7 as bigint) as small";
    assert.deepEqual(await store.rows(big), [{ big: "9007199254740993", small: 7 }]);
    const query =
      "with recursive c(x) as (select 1 union all select x + 1 from c where x < 5000) select x from c";
    const told = resultOf(
      good(await store.query({ query, output_file: "out/x.csv", output_format: "csv" })).stdout,
    );
    assert.equal(told["row_count"], 5000);
    const text = await Deno.readTextFile(join(store.host.workspace.workDir, "out/x.csv"));
    assert.deepEqual([text.split("\n").length, text.slice(-5)], [5001, "5000\n"]);
  });

  Deno.test(`6.5 ${kind}.query: a transaction stays whole or not at all`, async () => {
    await using store = await openStore(kind);
    const query = "insert into people values (1, 'a', null); insert into people values (1, 'b', null)";
    for (const given of [{ transaction: true }, { isolation_level: "serializable" }]) {
      const { outcome } = await store.query({ query, ...given });
      assert.match(outcome.failure?.message ?? "", /unique/i);
      assert.deepEqual(await store.rows("select * from people"), []);
    }
    good(await store.query({ query: "insert into people values (3, 'c', null)", transaction: "true" }));
    assert.deepEqual(await store.rows("select id from people"), [{ id: 3 }]);
  });

  Deno.test(`6.5 ${kind}.query ends at its timeout and at a stop, and leaves nothing running`, async () => {
    await using store = await openStore(kind);
    const query =
      "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c where x < 0";
    const late = await store.query({ query, timeout: 0.5 });
    assert.match(late.outcome.failure?.message ?? "", /not done within timeout/);
    const stop = new AbortController();
    const running = store.query({ query }, stop.signal);
    setTimeout(() => stop.abort(), 300);
    assert.match((await running).outcome.failure?.message ?? "", /stopped/);
    good(await store.query({ query: "insert into people values (1, 'a', null)" }));
  });

  Deno.test(`6.5 ${kind}.import puts in rows of csv, tsv and jsonl`, async () => {
    await using store = await openStore(kind);
    await store.write("a.csv", '\ufeffid,name,born\n1,Ann,2001-02-03\n2,"B,ob",\n');
    await store.write("b.tsv", '3\tC"y\t-\n4\tDee\t-\n5\tEve\t-\n');
    await store.write("d.jsonl", '{"id":8,"name":"Hal"}\n{"name":"Ivy","id":9,"born":"2002-03-04"}\n');
    await store.write("c.txt", '{"id":6,"name":"Fay","born":null}\n\n{"id":7,"name":"Guy"}\n');
    const cases: readonly (readonly [Given, number])[] = [
      [{ input_file: "a.csv", batch_size: 1 }, 2],
      [{ input_file: "b.tsv", has_header: false, null_values: "-", skip_rows: 1, max_rows: 1 }, 1],
      [{ input_file: "c.txt", format: "jsonl", columns: ["name", "id"] }, 2],
      [{ input_file: "d.jsonl" }, 2],
    ];
    for (const [given, count] of cases) {
      const told = resultOf(good(await store.load(given)).stdout);
      assert.deepEqual([told["rows_read"], told["rows_imported"], told["rows_skipped"]], [count, count, 0]);
    }
    assert.deepEqual(await store.rows("select * from people order by id"), [
      { id: 1, name: "Ann", born: "2001-02-03" },
      { id: 2, name: "B,ob", born: null },
      { id: 4, name: "Dee", born: null },
      { id: 6, name: "Fay", born: null },
      { id: 7, name: "Guy", born: null },
      { id: 8, name: "Hal", born: null },
      { id: 9, name: "Ivy", born: "2002-03-04" },
    ]);
  });

  Deno.test(`6.5 ${kind}.import: on_conflict, dry_run, and all or nothing`, async () => {
    await using store = await openStore(kind);
    await store.write("a.csv", "id;name\n1;new\n2;two\n2;2nd\n");
    const file = { input_file: "a.csv", delimiter: ";" };
    good(await store.query({ query: "insert into people values (1, 'old', null)" }));
    const names = () => store.rows("select name from people order by id");
    const refused = await store.load({ ...file, batch_size: 1 });
    assert.match(refused.outcome.failure?.message ?? "", /unique/i);
    assert.deepEqual(await names(), [{ name: "old" }]);
    const dry = resultOf(good(await store.load({ ...file, on_conflict: "replace", dry_run: true })).stdout);
    assert.deepEqual([dry["rows_imported"], dry["dry_run"]], [3, true]);
    assert.deepEqual(await names(), [{ name: "old" }]);
    const some = resultOf(good(await store.load({ ...file, on_conflict: "ignore" })).stdout);
    assert.deepEqual([some["rows_imported"], some["rows_skipped"]], [1, 2]);
    assert.deepEqual(await names(), [{ name: "old" }, { name: "two" }]);
    good(await store.load({ ...file, on_conflict: "replace" }));
    assert.deepEqual(await names(), [{ name: "new" }, { name: "2nd" }]);
  });

  Deno.test(`6.5 ${kind}.import says what is wrong with a file`, async () => {
    await using store = await openStore(kind);
    await store.write("short.csv", "id,name\n1,a\n2\n");
    await store.write("bad.jsonl", '{"id":1,"name":"a"}\n[2]\n');
    await store.write("more.jsonl", '{"id":1,"name":"a"}\n{"id":2,"nme":"b"}\n');
    await store.write("null.csv", "id,name\n1,\n");
    await store.write("data", "1\n");
    const cases: readonly (readonly [Given, RegExp])[] = [
      [{ input_file: "none.csv" }, /none\.csv is not a file/],
      [{ input_file: "short.csv" }, /expect 2, got 1 on line 3/],
      [{ input_file: "bad.jsonl" }, /line 2 is not a JSON object/],
      [{ input_file: "more.jsonl" }, /nme/],
      [{ input_file: "null.csv", on_conflict: "ignore" }, /not.null/i],
      [{ input_file: "data" }, /does not tell its format/],
      [{ input_file: "short.csv", columns: ["id"] }, /columns names 1, the header of .* 2/],
      [{ input_file: "null.csv", table: "nobody" }, /nobody/],
    ];
    for (const [given, want] of cases) {
      const { outcome } = await store.load(given);
      assert.match(outcome.failure?.message ?? "", want);
    }
    assert.deepEqual(await store.rows("select * from people"), []);
  });
}

Deno.test("6.5 postgres values read as Postgres writes them, in and out", async () => {
  await using store = await openStore("postgres");
  const query = `select $1::jsonb as j, $2::int[] as a, $3::boolean as t, 1.50::numeric as n,
    timestamptz '2026-01-02 03:04:05+00' at time zone 'UTC' as at,
    'NaN'::float8 as nan, '\\xbeef'::bytea as raw`;
  const params = [{ a: [1] }, [1, 2], true];
  assert.deepEqual(lines(good(await store.query({ query, params }))), [{
    j: { a: [1] },
    a: [1, 2],
    t: true,
    n: "1.50",
    at: "2026-01-02T03:04:05",
    nan: "NaN",
    raw: "\\xbeef",
  }]);
  const told = await store.query({ query: "do $$ begin raise notice 'hello'; end $$" });
  assert.match(good(told).stderr, /NOTICE: hello/);
});

Deno.test("6.5 a dsn's password is in no message", async () => {
  await using host = await openHostBench();
  const port = new URL(required("DAGU_TEST_DATABASE_URL")).port;
  const cases: readonly (readonly [NamedAction, string, RegExp])[] = [
    ["postgres.query", "postgres://u:s3cret@127.0.0.1:1/d", /127\.0\.0\.1:1: .*REFUSED/],
    ["postgres.query", `postgres://nobody_here:s3cret@127.0.0.1:${port}/d`, /nobody_here|does not exist/],
    ["postgres.query", "postgres://u:s3cret@[x/d", /dsn is not a URL/],
    ["postgres.query", "host=h password=s3cret", /dsn names no user/],
    ["postgres.query", "user=u password='s3cret' hots=h", /unknown parameter hots/],
    ["postgres.query", "s3cret", /neither a URL nor words/],
    ["postgres.query", "postgres://u:s3cret@h/d?sslmode=maybe", /unknown sslmode/],
    ["sqlite.query", "x.db?key=s3cret", /unknown parameter key/],
    ["sqlite.query", "file:x.db?mode=ro", /x\.db is not there/],
    ["sqlite.query", "no/such/x.db", /x\.db cannot be opened/],
  ];
  for (const [name, dsn, want] of cases) {
    const { outcome } = await host.perform({ action: namedCall(name, { dsn, query: "select 1" }) });
    const text = `${outcome.failure?.message} ${outcome.failure?.remedy}`;
    assert.match(text, want);
    assert.doesNotMatch(text, /s3cret/);
  }
});

Deno.test("A-02 postgres and sqlite: what is wrong with their keys is told", () => {
  const cases: readonly (readonly [NamedAction, Given, RegExp])[] = [
    ["sqlite.query", { dsn: "x" }, /with\.query: is required/],
    ["sqlite.query", { dsn: "x", query: "q", params: "a" }, /must be a list or a mapping/],
    ["postgres.query", { dsn: "x", query: "q", output_format: "xml" }, /must be one of: jsonl, json, csv/],
    ["postgres.import", { dsn: "x", import: { table: "t" } }, /input_file: is required/],
    [
      "postgres.import",
      { dsn: "x", import: { table: "t", input_file: "f", delimiter: "ab" } },
      /single character/,
    ],
    ["sqlite.query", { dsn: "x", query: "q", quer: 1 }, /invalid keys: quer/],
  ];
  for (const [name, given, want] of cases) assert.throws(() => namedCall(name, given), want);
});
