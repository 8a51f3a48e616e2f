/** Files that a run keeps: in the API, on its page, and on the machine where it goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openPage } from "../support/browser.ts";
import { freePort, spawnDagu } from "../support/dagu.ts";
import { followToEnd, postJson } from "../support/http.ts";

const BIG_BYTES = 9_000_000;
const SPEC = `
type: chain
steps:
  - id: make
    run: |
      mkdir -p "$DAG_RUN_ARTIFACTS_DIR/deep"
      printf '# Report\\n' > "$DAG_RUN_ARTIFACTS_DIR/report.md"
      printf 'a\\000b' > "$DAG_RUN_ARTIFACTS_DIR/deep/bytes"
      head -c ${BIG_BYTES} /dev/zero > "$DAG_RUN_ARTIFACTS_DIR/deep/big.txt"
      ln -s /etc/passwd "$DAG_RUN_ARTIFACTS_DIR/link"
  - id: ask
    action: human.task
    with: {prompt: "Look at the report"}
  - id: use
    output: BIG_SIZE
    run: cat "$DAG_RUN_ARTIFACTS_DIR/report.md"; wc -c < "$DAG_RUN_ARTIFACTS_DIR/deep/big.txt"
`;

Deno.test({
  name:
    "M10 AP-69 to AP-71: artifacts are listed, shown and downloaded, and follow their run to another runner",
  // The browser's pipes belong to Playwright's own process manager.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const home = await Deno.makeTempDir({ prefix: "dagu-e2e-" });
    await Deno.mkdir(join(home, "dags"));
    await Deno.writeTextFile(join(home, "dags", "keep.yaml"), SPEC);
    const port = freePort();
    const url = `http://127.0.0.1:${port}`;
    {
      await using server = spawnDagu({ args: ["server", "--port", `${port}`], env: { DAGU_HOME: home } });
      await server.said("dagu server on");
      const startRunner = async (name: string): Promise<ReturnType<typeof spawnDagu>> => {
        const { token } = await postJson(`${url}/api/v1/runners/registration-tokens`);
        const runner = spawnDagu({
          args: ["worker", "--url", url],
          env: {
            DAGU_HOME: join(home, name),
            DAGU_CONTAINER_RUNTIME: "none",
            DAGU_RUNNER_REGISTRATION_TOKEN: String(token),
          },
        });
        await runner.said("runner ready");
        return runner;
      };
      const { dagRunId } = await postJson(`${url}/api/v1/dags/keep/start`);
      const run = `${url}/api/v1/dag-runs/keep/${dagRunId}`;
      {
        await using first = await startRunner("first");
        await first.said("attempt ended");
      }
      const read = async (path: string): Promise<Record<string, unknown>> =>
        await (await fetch(run + path)).json();

      const deep = { name: "deep", path: "deep", type: "directory" };
      const report = { name: "report.md", path: "report.md", type: "file", size: 9 };
      assert.deepEqual(await read("/artifacts"), { items: [deep, report] });
      const children = [
        { name: "big.txt", path: "deep/big.txt", type: "file", size: BIG_BYTES },
        { name: "bytes", path: "deep/bytes", type: "file", size: 3 },
      ];
      assert.deepEqual(await read("/artifacts?recursive=true"), { items: [{ ...deep, children }, report] });
      const shown = await read("/artifacts/preview?path=report.md");
      assert.deepEqual([shown["kind"], shown["content"]], ["markdown", "# Report\n"]);
      const cut = await read("/artifacts/preview?path=deep/big.txt");
      assert.deepEqual([cut["kind"], cut["truncated"], String(cut["content"]).length], [
        "text",
        true,
        2_097_152,
      ]);
      const bytes = await read("/artifacts/preview?path=deep/bytes");
      assert.deepEqual([bytes["kind"], bytes["content"]], ["binary", undefined]);
      const download = await fetch(`${run}/artifacts/download?path=deep/big.txt`);
      assert.equal(download.headers.get("Content-Disposition"), "attachment; filename*=UTF-8''big.txt");
      assert.equal((await download.bytes()).length, BIG_BYTES);
      for (const [path, status] of [["../etc/passwd", 400], ["/report.md", 400], ["no", 404], ["", 400]]) {
        const answer = await fetch(
          `${run}/artifacts/download?${new URLSearchParams({ path: String(path) })}`,
        );
        assert.equal(answer.status, status, `${path}: ${await answer.text()}`);
      }

      await using browser = await openPage();
      await browser.page.goto(`${url}/runs/keep/${dagRunId}`);
      const link = browser.page.getByRole("link", { name: "report.md" });
      assert.match(await link.getAttribute("href") ?? "", /artifacts\/download\?path=report\.md$/);

      await using second = await startRunner("second");
      await postJson(`${run}/human-tasks/ask/complete`);
      await second.said("attempt ended");
      assert.equal((await followToEnd(run))["statusLabel"], "succeeded", second.stderr());
      const log = await (await fetch(`${run}/steps/use/log/download`)).text();
      assert.equal(log, `# Report\n${BIG_BYTES}\n`);
      // AP-72, S-57.
      assert.deepEqual((await read("/outputs"))["outputs"], { bigSize: `# Report\n${BIG_BYTES}` });
    }
    await Deno.remove(home, { recursive: true });
  },
});
