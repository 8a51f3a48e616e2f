/** The three pages in a real browser, while a run is under way. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openPage } from "../support/browser.ts";
import { freePort, spawnDagu } from "../support/dagu.ts";

const SPEC = `
steps:
  - id: first
    run: echo "<b>not bold</b>"
  - id: gate
    depends: first
    run: |
      echo waiting
      while [ ! -e "$GATE" ]; do sleep 0.05; done
      echo through
  - id: wrong
    depends: gate
    run: echo "it broke" >&2; exit 3
`;

Deno.test({
  name:
    "UI a run is followed live: list, graph, steps, failure with its remedy, log; a server that is away is told (UI-02)",
  // The browser's pipes belong to Playwright's own process manager.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    const gate = join(home, "gate");
    await Deno.mkdir(join(home, "dags"));
    await Deno.writeTextFile(join(home, "dags", "shown.yaml"), SPEC.replace("$GATE", gate));
    {
      const port = freePort();
      const url = `http://127.0.0.1:${port}`;
      await using plane = spawnDagu({
        args: ["start-all", "--port", String(port)],
        env: { DAGU_HOME: home, DAGU_CONTAINER_RUNTIME: "none" },
      });
      await plane.said("runner ready");
      const started = await fetch(`${url}/api/v1/dags/shown/start`, { method: "POST" });
      const { dagRunId } = await started.json();

      await using browser = await openPage();
      const { page, complaints } = browser;
      await page.goto(`${url}/runs`);
      await page.getByRole("link", { name: dagRunId }).click();
      await page.getByRole("heading", { name: "shown" }).waitFor();
      assert.equal(await page.locator("svg.graph g.node").count(), 3);

      await page.goto(`${url}/runs/shown/${dagRunId}/steps/first/log`);
      assert.equal(await page.locator("#log").textContent(), "<b>not bold</b>\n", "log text is text");
      await using beside = await openPage();
      const { page: logPage } = beside;
      await logPage.goto(`${url}/runs/shown/${dagRunId}/steps/gate/log`);
      await logPage.locator("#log", { hasText: "waiting" }).waitFor();
      await page.goto(`${url}/runs/shown/${dagRunId}`);
      await page.getByRole("link", { name: "first", exact: true }).focus();
      await Deno.writeTextFile(gate, "");
      await logPage.locator("#log", { hasText: "through" }).waitFor();

      await page.locator("dl .status.failed").waitFor();
      const focused = await page.evaluate(() => document.activeElement?.textContent ?? "");
      assert.equal(focused, "first", "what is read anew takes nobody's place away");
      await page.locator(".failure", { hasText: "COMMAND_FAILED" }).first().waitFor();
      await page.locator(".failure", { hasText: "it broke" }).first().waitFor();
      // Above everything stands which step it was; its link leads to where it wrote.
      await page.locator("main > .failure", { hasText: "Step wrong" }).getByRole("link", { name: "wrong" })
        .click();
      await page.locator("#log", { hasText: "it broke" }).waitFor();
      await page.getByRole("link", { name: /^stdout 0 B/ }).click();
      await page.getByText("Nothing was written to stdout.").waitFor();

      await page.setViewportSize({ width: 390, height: 844 });
      for (const path of ["/runs", `/runs/shown/${dagRunId}`, "/workflows", "/workflows/shown", "/runners"]) {
        await page.goto(`${url}${path}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        const [wanted, given] = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return [scrollWidth, clientWidth];
        });
        assert.equal(wanted, given, `${path} fits on a telephone`);
      }
      await page.goto(`${url}/runs`);
      await page.keyboard.press("/");
      assert.equal(
        await page.getByLabel("Workflow").evaluate((input) => input === document.activeElement),
        true,
      );
      await page.goto(`${url}/workflows/none`);
      await page.getByText('there is no workflow "none"').waitFor();
      await page.goto(`${url}/deliveries`);
      await page.getByRole("heading", { name: "Deliveries" }).waitFor();
      // The page that is not there is an answer with status 404, which the browser tells.
      assert.deepEqual(complaints.filter((line) => !line.includes("404")), []);

      await page.goto(`${url}/runs`);
      plane.kill("SIGKILL");
      await page.getByRole("status").filter({ hasText: "The server does not answer" }).waitFor();
    }
    await Deno.remove(home, { recursive: true });
  },
});

const ASKING = `
handler_on: {wait: {run: echo "it waits"}}
steps:
  - id: child
    action: dag.run
    with: {dag: below}
  - id: ask
    depends: child
    action: human.task
    with:
      prompt: How many <b>boxes</b>?
      form:
        type: object
        properties:
          count: {type: integer, minimum: 2, title: Boxes}
          kind: {type: string, enum: [large, small], default: small}
          now: {type: boolean}
        required: [count]
  - id: use
    depends: ask
    run: echo '\${steps.ask.outputs.count} \${steps.ask.outputs.kind} \${steps.ask.outputs.now}'
    approval: {prompt: Is it right?, input: [WHO], required: [WHO]}
  - id: last
    depends: use
    run: echo "by $WHO"
---
name: below
steps: [{id: b, run: "true"}]
`;

Deno.test({
  name:
    "UI a person fills in a task's form, sends a step back and approves it, and finds the runs below a run",
  // The browser's pipes belong to Playwright's own process manager.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.mkdir(join(home, "dags"));
    await Deno.writeTextFile(join(home, "dags", "asking.yaml"), ASKING);
    {
      const port = freePort();
      const url = `http://127.0.0.1:${port}`;
      await using plane = spawnDagu({
        args: ["start-all", "--port", String(port)],
        env: { DAGU_HOME: home, DAGU_CONTAINER_RUNTIME: "none" },
      });
      await plane.said("runner ready");
      const started = await fetch(`${url}/api/v1/dags/asking/start`, { method: "POST" });
      const { dagRunId } = await started.json();
      await using browser = await openPage();
      const { page, complaints } = browser;
      await page.goto(`${url}/runs/asking/${dagRunId}`);
      await page.locator("form.task", { hasText: "How many <b>boxes</b>?" }).waitFor();
      assert.deepEqual(
        await page.locator("form.task label").allTextContents(),
        ["Boxes", "kind", "now"],
        "in the order of the author",
      );
      await page.locator(".sub-runs", { hasText: "succeeded" }).waitFor();
      const handler = await page.getByRole("link", { name: "onWait" }).getAttribute("href");
      assert.match(await (await fetch(`${url}${handler}`)).text(), /it waits/);
      await page.getByLabel("Boxes").fill("1");
      await page.getByRole("button", { name: "Complete" }).click();
      await page.locator("form.task .failure", { hasText: "count" }).waitFor();
      await page.getByLabel("Boxes").fill("3");
      await page.getByLabel("now").selectOption("true");
      await page.getByRole("button", { name: "Complete" }).click();
      await page.locator("form.task", { hasText: "Is it right?" }).waitFor();
      // WHO is needed for an approval only.
      await page.getByRole("button", { name: "Push back" }).click();
      await page.getByText("pushed back (1) by local").waitFor();
      await page.locator("form.task", { hasText: "Is it right?" }).waitFor();
      await page.getByLabel("WHO").fill("anna");
      await page.getByRole("button", { name: "Approve" }).click();
      await page.locator("dl .status.succeeded").waitFor();
      await page.getByText("approved by local: WHO: anna").waitFor();
      for (const [step, text] of [["use", "3 small true\n"], ["last", "by anna\n"]]) {
        const log = await fetch(`${url}/api/v1/dag-runs/asking/${dagRunId}/steps/${step}/log/download`);
        assert.equal(await log.text(), text);
      }
      await page.getByRole("link", { name: /^below / }).click();
      await page.getByRole("heading", { name: "below" }).waitFor();
      // The refused answer is an answer with status 400, which the browser tells.
      assert.deepEqual(complaints.filter((line) => !line.includes("400")), []);
    }
    await Deno.remove(home, { recursive: true });
  },
});
