/** The JSON Schema for editors must let every workflow through that the language itself takes. */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { findViolations } from "../../../src/workflow/json-schema.ts";
import { languageSchema } from "../../../src/workflow/language-schema.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";

const ROOT = new URL("../../../", import.meta.url);
const schema = languageSchema();

function blocksOf(text: string): string[] {
  return [...text.matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1] ?? "");
}

const texts = [...Deno.readDirSync(new URL("docs", ROOT))].filter((entry) => entry.name.endsWith(".md"))
  .flatMap((entry) => blocksOf(Deno.readTextFileSync(new URL(`docs/${entry.name}`, ROOT))))
  .filter((text) => parseWorkflow(text, "load").workflow !== null);

Deno.test("the schema takes every workflow of the documents", () => {
  assert.ok(texts.length > 10, `${texts.length} workflows in docs`);
  for (const text of texts) {
    const documents = parseAllDocuments(text);
    for (const document of Array.isArray(documents) ? documents : []) {
      const value: unknown = document.toJS({ maxAliasCount: 10 });
      assert.deepEqual(findViolations(schema, value), [], text);
    }
  }
});

Deno.test("1.3 3.3 the schema takes a selector of one's own runner, and each shape of env", () => {
  for (
    const value of [
      { worker_selector: "local" },
      { worker_selector: { zone: "eu" } },
      { env: { A: 1, B: true, C: null } },
      { env: ["A=b=c", { B: "x", C: 1.5 }] },
      { retry_policy: { limit: "2", interval_sec: 1 }, timeout_sec: 0, hist_retention_runs: 1 },
    ]
  ) {
    const whole = { ...value, steps: [{ run: "x" }] };
    assert.deepEqual(parseWorkflow(JSON.stringify(whole), "validate").problems, [], JSON.stringify(whole));
    assert.deepEqual(findViolations(schema, whole), [], JSON.stringify(whole));
  }
});

Deno.test("F-24 S-124 the schema takes actions of one's own, and older spellings as such", () => {
  const action = { input_schema: { type: "object" }, template: { run: "x" } };
  for (
    const value of [
      { actions: { "notify.team": action }, steps: [{ action: "notify.team", with: {} }] },
      { step_types: { greet: action }, steps: [{ type: "greet" }] },
      {
        steps: [{ command: "echo hi" }, { script: "echo hi", shell: "bash" }, {
          call: "other",
          params: "A=1",
        }],
      },
    ]
  ) assert.deepEqual(findViolations(schema, value), []);
  assert.notDeepEqual(
    findViolations(schema, { actions: { a: { template: {} } }, steps: [{ run: "x" }] }),
    [],
  );
});

for (
  const [title, value] of [
    ["an unknown root key", { steps: [{ run: "x" }], colour: 1 }],
    ["an unknown step key", { steps: [{ run: "x", colour: 1 }] }],
    ["a word that is none of the list", { type: "tree", steps: [{ run: "x" }] }],
    ["a list where a text belongs", { description: [], steps: [{ run: "x" }] }],
    ["text where a number belongs", { timeout_sec: "x", steps: [{ run: "x" }] }],
    ["a workflow without steps", { description: "x" }],
    ["an empty list of steps", { steps: [] }],
    ["a number below the least one", { timeout_sec: -1, steps: [{ run: "x" }] }],
    ["a fraction where whole numbers belong", { delay_sec: 1.5, steps: [{ run: "x" }] }],
    ["a word that is no selector", { worker_selector: "remote", steps: [{ run: "x" }] }],
    ["a variable without =", { env: ["A"], steps: [{ run: "x" }] }],
    ["a list as a variable's value", { steps: [{ run: "x", env: { A: [1] } }] }],
    ["a name that no variable has", { env: [{ "a-b": "1" }], steps: [{ run: "x" }] }],
    ["an unknown key of a policy", {
      steps: [{ run: "x", retry_policy: { limit: 1, interval_sec: 0, often: true } }],
    }],
  ] as const
) {
  Deno.test(`the schema refuses ${title}`, () => assert.notDeepEqual(findViolations(schema, value), []));
}

Deno.test("each action brings the schema of its with", () => {
  const text = JSON.stringify(schema);
  for (
    const name of ["file.write", "http.request", "git.worktree.add", "dag.run", "human.task", "docker.run"]
  ) {
    assert.ok(text.includes(`{"const":"${name}"}`), name);
  }
});
