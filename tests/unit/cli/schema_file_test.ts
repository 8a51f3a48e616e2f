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
      const text = await inlineSchemas(`params: {schema: ${name}}\n${STEPS}`, join(folder, "w.yaml"));
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
    assert.deepEqual(namesIn(await inlineSchemas(written, join(folder, "w.yaml"))), [["M", "1"]]);
  }));

Deno.test("inlineSchemas: an address is fetched", () =>
  inFolder(async (folder) => {
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) =>
      new URL(request.url).pathname === "/s.json"
        ? Response.json(SCHEMA)
        : new Response("no", { status: 404 }));
    const at = `http://127.0.0.1:${server.addr.port}`;
    const path = join(folder, "w.yaml");
    assert.deepEqual(namesIn(await inlineSchemas(`params: {schema: "${at}/s.json"}\n${STEPS}`, path)), [[
      "N",
      "3",
    ]]);
    await assert.rejects(inlineSchemas(`params: {schema: "${at}/other"}\n${STEPS}`, path), /answered 404/);
  }));

Deno.test("inlineSchemas: what cannot be read says where it was looked for", () =>
  inFolder(async (folder) => {
    const path = join(folder, "w.yaml");
    await assert.rejects(
      inlineSchemas(`params: {schema: none.json}\n${STEPS}`, path),
      new RegExp(`cannot read the schema none.json of params: .*${join(folder, "none.json")}`),
    );
    await Deno.writeTextFile(join(folder, "list.json"), "[1]");
    await assert.rejects(inlineSchemas(`params: {schema: list.json}\n${STEPS}`, path), /not a JSON Schema/);
  }));

Deno.test("inlineSchemas: other texts stay as they are", async () => {
  const text = `params: {schema: public, table: users}\n${STEPS}`;
  assert.equal(await inlineSchemas(text, "/nowhere/w.yaml"), text);
});
