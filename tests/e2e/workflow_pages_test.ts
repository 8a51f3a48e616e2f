/** A person's way through the pages: a workflow is found, started, mended, held up and let go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openPage } from "../support/browser.ts";
import { freePort, spawnDagu } from "../support/dagu.ts";

const SHIP = `
description: Ships the <b>shop</b>
params:
  - {name: ENV, type: string, enum: [staging, production], default: staging}
  - {name: COUNT, type: integer, minimum: 1, maximum: 5, default: 2}
  - {name: REASON, type: string, required: true}
steps:
  - id: tell
    run: printf '\\033[31mred\\033[0m %s %s\\n' "$REASON" "$ENV $COUNT"
    output: SAID
`;

Deno.test({
  name:
    "UI a workflow is started with its parameters, mended, suspended; a queued run tells what it waits for (UI-09, SN-03, SN-11, SN-16, SN-20, SN-21)",
  // The browser's pipes belong to Playwright's own process manager.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.mkdir(join(home, "dags"));
    await Deno.writeTextFile(join(home, "dags", "ship.yaml"), SHIP);
    await Deno.writeTextFile(join(home, "dags", "broken.yaml"), "steps: [{id: a, run: x, bogus: 1}]\n");
    await Deno.writeTextFile(
      join(home, "dags", "order.yaml"),
      'params: "one two"\nsteps: [{run: echo $1-$2}]\n',
    );
    {
      const port = freePort();
      const url = `http://127.0.0.1:${port}`;
      await using plane = spawnDagu({
        args: ["start-all", "--port", String(port)],
        env: { DAGU_HOME: home, DAGU_CONTAINER_RUNTIME: "none" },
      });
      await plane.said("runner ready");
      await using browser = await openPage();
      const { page, complaints } = browser;
      await page.goto(`${url}/`);
      await page.getByText("Nothing has run yet.").waitFor();

      // What is wrong with a definition is told where it is listed.
      await page.getByRole("link", { name: "Workflows", exact: true }).click();
      assert.equal(await page.locator("nav a[aria-current]").textContent(), "Workflows");
      await page.locator("tr", { hasText: "broken" }).getByText("has errors").waitFor();
      await page.getByRole("link", { name: "broken" }).click();
      await page.locator(".failure", { hasText: "line 1, column 25: steps[0].bogus" }).waitFor();
      assert.equal(await page.getByRole("button", { name: "Start" }).count(), 0);

      // A start: what is not taken is told, and what was written stays.
      await page.goto(`${url}/workflows/ship`);
      await page.getByText("Ships the <b>shop</b>", { exact: true }).waitFor();
      await page.getByLabel("ENV").selectOption("production");
      await page.getByLabel("COUNT").fill("9");
      await page.getByLabel("REASON").fill('<img src=x onerror="alert(1)">');
      await page.getByRole("button", { name: "Start" }).click();
      await page.locator("form.start .failure", { hasText: "COUNT" }).waitFor();
      assert.equal(await page.getByLabel("REASON").inputValue(), '<img src=x onerror="alert(1)">');
      assert.equal(await page.getByLabel("ENV").inputValue(), "production");
      await page.getByLabel("COUNT").fill("3");
      await page.getByRole("button", { name: "Start" }).click();
      await page.locator("dl .status.succeeded").waitFor();
      await page.locator("dl code", { hasText: '"COUNT":3' }).waitFor();
      await page.locator(".output", { hasText: '<img src=x onerror="alert(1)"> production 3' }).waitFor();

      // A log has its colours, and nothing else of what was meant for a terminal.
      await page.getByRole("link", { name: "tell", exact: true }).click();
      await page.locator("#log .red", { hasText: /^red$/ }).waitFor();
      assert.equal(
        await page.locator("#log").textContent(),
        'red <img src=x onerror="alert(1)"> production 3\n',
      );

      // Parameters by place are filled in by place.
      await page.goto(`${url}/workflows/order`);
      await page.getByLabel("parameter 2").fill("three");
      await page.getByRole("button", { name: "Start" }).click();
      await page.locator("dl .status.succeeded").waitFor();
      await page.locator("td a").first().click();
      await page.locator("#log", { hasText: "one-three" }).waitFor();

      // A wrong text is told and not saved; a right one is.
      await page.goto(`${url}/workflows/order`);
      await page.getByLabel("Definition").fill("steps: [{run: echo, nope: 1}]\n");
      await page.getByRole("button", { name: "Save" }).click();
      await page.locator(".failure", { hasText: "nope" }).waitFor();
      const { spec } = await (await fetch(`${url}/api/v1/dags/order/spec`)).json();
      assert.equal(spec, 'params: "one two"\nsteps: [{run: echo $1-$2}]\n');
      await page.getByLabel("Definition").fill("steps: [{id: anew, run: echo}]\n");
      // Somebody else was faster.
      const put = await fetch(`${url}/api/v1/dags/order/spec`, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ spec: "steps: [{id: theirs, run: echo}]\n" }),
      });
      assert.equal(put.status, 200, await put.text());
      await page.getByRole("button", { name: "Save" }).click();
      await page.locator(".failure", { hasText: "changed by somebody else" }).waitFor();
      await page.getByRole("button", { name: "Save" }).click();
      await page.waitForURL(`${url}/workflows/order`);
      assert.equal(await page.getByLabel("Definition").inputValue(), "steps: [{id: anew, run: echo}]\n");
      await page.getByRole("button", { name: /^Suspend/ }).click();
      await page.getByRole("button", { name: /^Resume/ }).waitFor();

      // Nobody takes it: the run says so, and goes on when somebody does.
      await page.goto(`${url}/runners`);
      await page.locator("tr", { hasText: "connected" }).waitFor();
      await page.getByRole("button", { name: /^Drain / }).click();
      await page.getByText("takes no runs").waitFor();
      const enqueued = await fetch(`${url}/api/v1/dags/order/enqueue`, { method: "POST" });
      const { dagRunId } = await enqueued.json();
      await page.goto(`${url}/runs/order/${dagRunId}`);
      await page.locator("dl", { hasText: "no runner is connected that takes runs" }).waitFor();
      await page.goto(`${url}/queues`);
      await page.getByRole("link", { name: `order ${dagRunId}` }).waitFor();
      await page.getByRole("button", { name: "Pause order" }).click();
      await page.goto(`${url}/runners`);
      await page.getByRole("button", { name: /^Resume / }).click();
      await page.goto(`${url}/runs/order/${dagRunId}`);
      await page.locator("dl", { hasText: "queue order is paused" }).waitFor();
      await page.goto(`${url}/queues`);
      await page.getByRole("button", { name: "Resume order" }).click();
      await page.goto(`${url}/runs/order/${dagRunId}`);
      await page.locator("dl .status.succeeded").waitFor();

      // The same once more, with its parameters, is a run of its own.
      await page.getByRole("button", { name: "Run it again" }).click();
      await page.waitForURL((now) =>
        /^\/runs\/order\/[^/]+$/.test(now.pathname) && !now.href.includes(dagRunId)
      );
      await page.locator("dl .status.succeeded").waitFor();

      // The list by its address.
      await page.goto(`${url}/runs?name=shi&status=succeeded`);
      assert.equal(await page.locator("tbody tr").count(), 1);
      assert.equal(await page.getByLabel("Status").inputValue(), "succeeded");
      await page.goto(`${url}/runs?status=failed`);
      await page.getByRole("link", { name: "Show all runs" }).waitFor();
      // Refused starts and texts are answers with status 400, which the browser tells.
      assert.deepEqual(complaints.filter((line) => !line.includes("400")), []);

      // People get pages, programs get JSON.
      await page.goto(`${url}/runs/ship/nope`);
      await page.getByRole("heading", { name: "Not found" }).waitFor();
      await page.getByText("there is no run ship:nope").waitFor();
      const missing = await fetch(`${url}/runs/ship/nope`);
      assert.equal(missing.status, 404);
      assert.equal((await missing.json()).code, "not_found");
    }
    await Deno.remove(home, { recursive: true });
  },
});
