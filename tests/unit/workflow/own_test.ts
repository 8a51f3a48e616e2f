import assert from "node:assert/strict";
import { readCron } from "../../../src/workflow/cron.ts";
import { own } from "../../../src/workflow/own.ts";
import { parseWorkflow } from "../../../src/workflow/parse.ts";
import { renderTemplate } from "../../../src/workflow/template.ts";
import { dataText } from "../../../src/runner/actions/data-text.ts";
import { platformName } from "../../../src/runner/containers/platform.ts";
import { normalizeGithub } from "../../../src/server/triggers/github.ts";
import { play } from "../../support/scripted-run.ts";

/** Names that every object answers to. */
const COMMON = ["constructor", "hasOwnProperty", "toString", "valueOf"];

Deno.test("own: what a record inherits is not what it has", () => {
  assert.deepEqual([...COMMON, "a"].map((name) => own({ a: 1 }, name)), [
    ...COMMON.map(() => undefined),
    1,
  ]);
});

for (const name of COMMON) {
  Deno.test(`names: F-14, R-25 ${name} is told like any other name that is none`, () => {
    const cron = readCron(name);
    assert.equal(cron.ok ? "" : cron.message, `invalid cron expression "${name}": it has 1 field, not 5`);
    const isKey = name !== "constructor";
    const steps = `[{run: a${isKey ? `, ${name}: 1` : ""}}, {command: a, type: ${name}}]`;
    const parsed = parseWorkflow(`steps: ${steps}`, "validate");
    const told = parsed.problems.map(({ message }) => message).join("\n");
    assert.ok(!told.includes("native code"), told);
    assert.ok(told.includes(`unknown action "${name}"`), told);
  });

  Deno.test(`names: A-05 ${name} is nothing that a mapping or a platform has`, () => {
    const rendered = renderTemplate(`[{{ get . "${name}" }}]`, {});
    assert.equal(rendered.ok && rendered.text, "[]");
    assert.equal(platformName(`linux/${name.toLowerCase()}`), `linux/${name.toLowerCase()}`);
  });

  Deno.test(`params: P-04 a parameter may be called ${name}`, async () => {
    const params = `params: [{name: ${name}, type: string}, {name: B, eval: "[\${params.${name}}]"}]`;
    const played = await play(`${params}\nsteps: [{id: s, run: "true"}]`, { params: {}, given: [] });
    assert.equal(played.calls[0]?.scopeEnv["B"], `[\${params.${name}}]`);
  });
}

for (const name of [...COMMON, "__proto__"]) {
  Deno.test(`data.convert: ${name} is nothing that a row has`, () => {
    const rules = { data: "", from: "json", has_header: true } as const;
    const row = { kind: "text", text: '[{"a":1}]' } as const;
    const given = { ...rules, columns: ["a", name] };
    const told = dataText({ name: "data.convert", source: row, given: { ...given, to: "json" } });
    assert.deepEqual(JSON.parse(told), JSON.parse(`[{"a":1,"${name}":null}]`));
    const rows = { kind: "text", text: `[{"a":1},{"${name}":2}]` } as const;
    const table = dataText({ name: "data.convert", source: rows, given: { ...rules, to: "csv" } });
    assert.equal(table, `a,${name}\n1,\n,2\n`);
  });
}

Deno.test("github: FG-50 an action is a text, whatever it is called", () => {
  const side = { ref: "a", sha: "b" };
  const pull = { number: 1, title: "t", head: side, base: side };
  for (const action of COMMON) {
    assert.equal(normalizeGithub("pull_request", "d", { action, pull_request: pull })?.action, action);
  }
});
