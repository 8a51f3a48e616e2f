/** P-13: schemas beside a workflow file are written into its text. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { inlineSchemas } from "../../../src/cli/schema-file.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

const STEPS = "steps: [{id: a, run: x}]\n";
const SCHEMA = { type: "object", properties: { N: { type: "integer", default: 3 } } };

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "dagu-schema-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const namesIn = (text: string): unknown => {
  const { workflow, problems } = parseWorkflow(text, "validate");
  return workflow?.params.entries.map(({ name, default: value }) => [name, value]) ?? problems;
};

Deno.test("inlineSchemas: beside the file, JSON or YAML", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "s.json"), JSON.stringify(SCHEMA, null, 2));
    await Deno.writeTextFile(
      join(folder, "s.yaml"),
      "type: object\nproperties:\n  N: {type: integer, default: 3}\n",
    );
    for (const name of ["s.json", "s.yaml"]) {
      const { text } = await inlineSchemas(`params: {schema: ${name}}\n${STEPS}`, join(folder, "w.yaml"));
      assert.deepEqual(namesIn(text), [["N", "3"]]);
    }
  }));

Deno.test("inlineSchemas: working_dir goes first", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "sub"));
    await Deno.writeTextFile(join(folder, "s.json"), JSON.stringify(SCHEMA));
    const other = { type: "object", properties: { M: {} } };
    await Deno.writeTextFile(join(folder, "sub/s.json"), JSON.stringify(other));
    const written = `working_dir: sub\nparams:\n  schema: s.json\n  values: {M: 1}\n${STEPS}`;
    const { text } = await inlineSchemas(written, join(folder, "w.yaml"));
    assert.deepEqual(namesIn(text), [["M", "1"]]);
  }));

Deno.test("inlineSchemas: an address is fetched", () =>
  inFolder(async (folder) => {
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) =>
      new URL(request.url).pathname === "/s.json"
        ? Response.json(SCHEMA)
        : new Response("no", { status: 404 }));
    const at = `http://127.0.0.1:${server.addr.port}`;
    const path = join(folder, "w.yaml");
    const { text } = await inlineSchemas(`params: {schema: "${at}/s.json"}\n${STEPS}`, path);
    assert.deepEqual(namesIn(text), [["N", "3"]]);
    const { problems } = await inlineSchemas(`params: {schema: "${at}/other"}\n${STEPS}`, path);
    assert.match(problems[0]?.message ?? "", /answered 404/);
  }));

Deno.test("inlineSchemas: what cannot be read is told with its place, and where it was looked for", () =>
  inFolder(async (folder) => {
    const path = join(folder, "w.yaml");
    await Deno.writeTextFile(join(folder, "list.json"), "[1]");
    await Deno.writeTextFile(join(folder, "half.json"), '{"type":');
    const text =
      `params: {schema: none.json}\n${STEPS}---\nname: b\nparams:\n  schema: list.json\n${STEPS}---\nname: c\nparams: {schema: half.json}\n${STEPS}`;
    const read = await inlineSchemas(text, path);
    assert.equal(read.text, text);
    const told = read.problems.map(({ path, position, message }) => [path, position, message]);
    assert.deepEqual(told.map(([path, position]) => [path, position]), [
      ["params.schema", { line: 1, column: 18 }],
      ["document[1].params.schema", { line: 6, column: 11 }],
      ["document[2].params.schema", { line: 10, column: 18 }],
    ]);
    assert.match(String(told[0]?.[2]), new RegExp(`none.json of params: .*${join(folder, "none.json")}`));
    assert.match(String(told[1]?.[2]), /list.json of params: it is not a JSON Schema$/);
    assert.match(
      String(told[2]?.[2]),
      /half.json of params: Flow map must end with a } at line 1, column 9$/,
    );
  }));

Deno.test("inlineSchemas: other texts stay as they are", async () => {
  const text = `params: {schema: public, table: users}\n${STEPS}`;
  assert.deepEqual(await inlineSchemas(text, "/nowhere/w.yaml"), { text, problems: [] });
});
