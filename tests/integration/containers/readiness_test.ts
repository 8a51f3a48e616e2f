/** When a container that holds commands counts as ready (containers contract 2.11, 8.4). */
import assert from "node:assert/strict";
import { openRootContainer } from "../../../src/runner/containers/root-container.ts";
import { CANCEL, onEachEngine, reporter, until } from "./bench.ts";
import { exec, openRoot, refusal, sh } from "./root.ts";

onEachEngine("AC-66 2.11.6 a line of the log makes it ready, on either stream", async (bench) => {
  for (const stream of ["", " >&2"]) {
    const begin = performance.now();
    const text = `echo other; sleep 1; echo server READY${stream}; exec sleep 3600`;
    await using root = await openRoot(
      bench,
      bench.request({ startup: "command", command: ["sh", "-c", text], logPattern: "READY$" }),
    );
    assert.ok(performance.now() - begin >= 950);
    assert.equal((await exec(root, sh("true"))).end, "0");
  }
});

onEachEngine("2.11.6 a log that ends without the line", async (bench) => {
  const container = {
    startup: "command" as const,
    command: ["sh", "-c", "echo no; sleep 1"],
    logPattern: "READY",
  };
  assert.equal((await refusal(bench, bench.request(container))).code, "READINESS_FAILED");
});

const CHECK = { intervalMs: 500, timeoutMs: 2_000, startPeriodMs: null, retries: 20 };

onEachEngine("AC-67 2.11.4 healthy, also where the engine never runs the check", async (bench) => {
  const text = "sleep 1; touch /tmp/ready; exec sleep 3600";
  const healthcheck = { ...CHECK, test: ["CMD-SHELL", "test -f /tmp/ready"] };
  const begin = performance.now();
  await using root = await openRoot(
    bench,
    bench.request({ startup: "command", command: ["sh", "-c", text], waitFor: "healthy", healthcheck }),
  );
  assert.ok(performance.now() - begin >= 950);
  assert.equal((await exec(root, sh("test -f /tmp/ready"))).end, "0");
});

onEachEngine("2.11.5 F52 unhealthy fails at once, with the probe's words", async (bench) => {
  const healthcheck = { ...CHECK, test: ["CMD-SHELL", "echo not yet; exit 1"], retries: 2 };
  const failure = await refusal(bench, bench.request({ waitFor: "healthy", healthcheck }));
  assert.equal(failure.code, "READINESS_FAILED");
  assert.match(JSON.stringify(failure), /not yet/);
});

onEachEngine("AC-68 2.11.3 healthy without a check is running, with one warning", async (bench) => {
  const report = reporter();
  await using root = await openRoot(bench, bench.request({ waitFor: "healthy" }), report);
  assert.equal((await exec(root, sh("true"))).end, "0");
  assert.equal(report.notes.filter((note) => note.startsWith("warn")).length, 1, report.notes.join());
});

onEachEngine("AC-69 F50 a main process that ends: code and the end of its log", async (bench) => {
  const container = {
    startup: "command" as const,
    command: ["sh", "-c", "echo boom >&2; exit 9"],
    logPattern: "never",
  };
  const failure = await refusal(bench, bench.request(container));
  assert.equal(failure.code, "READINESS_FAILED");
  assert.match(JSON.stringify(failure), /9[^]*boom/);
});

onEachEngine("F51 not ready in time names the mode", async (bench) => {
  const failure = await refusal(bench, bench.request({ logPattern: "never comes" }));
  assert.equal(failure.code, "READINESS_TIMEOUT");
  assert.match(failure.message, /never comes|log_pattern/);
}, { limits: { readyMs: 1_200 } });

onEachEngine("3.1.5 a stop while it gets ready takes effect at once", async (bench) => {
  const stop = new AbortController();
  const opening = openRootContainer(
    bench.engine,
    bench.request({ logPattern: "never comes" }),
    reporter(),
    stop.signal,
  );
  await until(async () => (await bench.left()).length === 1, "created");
  const begin = performance.now();
  stop.abort(CANCEL);
  const root = await opening;
  assert.ok("code" in root && root.code === "CANCELLED", JSON.stringify(root));
  assert.ok(performance.now() - begin < 8_000);
});

onEachEngine(
  "2.11.2 2.11.5 who ends while it is waited for fails at once, with status and code",
  async (bench) => {
    const healthcheck = { ...CHECK, test: ["CMD", "false"], retries: 1_000 };
    for (const waiting of [{}, { waitFor: "healthy" as const, healthcheck }]) {
      const container = {
        startup: "command" as const,
        command: ["sh", "-c", "sleep 0.1; exit 9"],
        ...waiting,
      };
      const failure = await refusal(bench, bench.request(container));
      assert.equal(failure.code, "READINESS_FAILED");
      assert.match(failure.message, /ended with code 9 \((exited|stopped)\)/);
    }
  },
);
