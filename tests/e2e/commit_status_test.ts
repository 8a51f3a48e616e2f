/** From a push to what its commit shows, through the real processes. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/runner/clock.ts";
import { signatureOf } from "../../src/server/triggers/signature.ts";
import { openCase, openService, until } from "../acceptance/case.ts";
import { openForgeServer } from "../support/forge-server.ts";
import { PUSH } from "../support/github.ts";

Deno.test("FG-70 FG-73 a push runs on the runner, and its commit shows that it succeeded", async () => {
  await using on = await openCase(
    "triggers: [{git: {event: push}}]\nsteps: [{id: a, run: echo $DAGU_EVENT_SHA}]\n",
  );
  await using github = openForgeServer(systemClock());
  await using service = await openService(on, {
    DAGU_CONTAINER_RUNTIME: "none",
    DAGU_GITHUB_API_URL: github.address,
  });
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await on.run(args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const made = await said("endpoint", "create", "shop");
  const [, url = "", secret = ""] = /url: (\S+)\nsecret: (\S+)/.exec(made) ?? [];
  await on.write("token.txt", "github-token");
  await said("endpoint", "connect", "shop", "--value-file", "token.txt");

  const body = JSON.stringify(PUSH);
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-GitHub-Event": "push",
      "X-GitHub-Delivery": "d-1",
      "X-Hub-Signature-256": await signatureOf(secret, new TextEncoder().encode(body)),
    },
    body,
  });
  const { runs } = await answer.json() as { runs: { dagRunId: string }[] };
  const runId = runs[0]?.dagRunId ?? "";
  const last = await until("the commit shows the run's end", () => {
    const status = github.posted.at(-1);
    return Promise.resolve(status === undefined || status.state === "pending" ? null : status);
  });
  assert.deepEqual([last.state, last.context, last.path, last.authorization], [
    "success",
    "dagu/w",
    `/repos/o/r/statuses/${PUSH.after}`,
    "Bearer github-token",
  ]);
  const page = await (await fetch(last.target_url)).text();
  assert.ok(page.includes(runId), "the link leads to the run's page");
  assert.equal(await service.stdout(runId, "a"), `${PUSH.after}\n`);
});
