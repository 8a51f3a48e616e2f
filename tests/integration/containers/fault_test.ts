/** What real engines do too rarely to wait for: lines that break, answers that never come, things that are no engine. */
import assert from "node:assert/strict";
import { openEngine } from "../../../src/runner/containers/engine.ts";
import { checkEngine } from "../../../src/runner/containers/doctor.ts";
import type { Reporter } from "../../../src/run/ports.ts";
import { ensureImage } from "../../../src/runner/containers/pull.ts";
import { type ExecRequest, openRootContainer } from "../../../src/runner/containers/root-container.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import {
  collect,
  CONTAINER,
  exitOf,
  IDLE,
  newTestLabels,
  onEachEngine,
  reporter,
  runtimeAt,
  stateOf,
  STOP,
  textOf,
  until,
} from "./bench.ts";
import { json, openFake, type Reply } from "./fake.ts";
import { openProxy } from "./proxy.ts";

async function problemOf(path: string): Promise<{ code: string; message: string }> {
  await using engine = openEngine(runtimeAt(path, false), { answerMs: 200 });
  const { problem } = await checkEngine(engine, "/tmp", IDLE);
  return { code: problem?.code ?? "none", message: problem?.message ?? "" };
}

Deno.test("F07 a web server is not an engine; its first bytes are shown", async () => {
  await using fake = await openFake((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<html>Welcome</html>");
  });
  const { code, message } = await problemOf(fake.path);
  assert.equal(code, "ENGINE_PROTOCOL");
  assert.match(message, /<html>Welcome/);
});

Deno.test("F07 what speaks no HTTP is not an engine", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/ssh.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const serving = (async () => {
    for await (const line of listener) {
      await line.write(new TextEncoder().encode("SSH-2.0-nope\r\n"));
      line.close();
    }
  })();
  assert.equal((await problemOf(path)).code, "ENGINE_PROTOCOL");
  listener.close();
  await serving;
  await Deno.remove(folder, { recursive: true });
});

Deno.test("F12 an engine that hangs is unreachable after its time, and the call is named", async () => {
  await using fake = await openFake(() => {});
  const { code, message } = await problemOf(fake.path);
  assert.equal(code, "ENGINE_UNREACHABLE");
  assert.match(message, /_ping[^]*200 ms/);
});

Deno.test("F12 an engine that answers the ping and then hangs", async () => {
  await using fake = await openFake((_request, response, path) => {
    if (path === "/_ping") json(response, 200, "OK");
  });
  const { code, message } = await problemOf(fake.path);
  assert.equal(code, "ENGINE_UNREACHABLE");
  assert.match(message, /200 ms/);
});

Deno.test("1.5.2 an engine below the floor is named with both versions", async () => {
  await using fake = await openFake((_request, response) => {
    response.writeHead(200, { "api-version": "1.24" });
    response.end("OK");
  });
  const { code, message } = await problemOf(fake.path);
  assert.equal(code, "ENGINE_PROTOCOL");
  assert.match(message, /1\.24[^]*1\.41/);
});

const BAD_PULLS: [name: string, answer: (response: Reply) => void][] = [
  ["is cut off", (response) => response.write('{"status":"Pulling"}\n', () => response.destroy())],
  ["does not parse", (response) => response.end('{"status":"Pulling"}\n{"sta')],
  ["says nothing", (response) => response.end()],
  ["ends with an error under status 200", (response) => response.end('{"error":"dial tcp: timeout"}\n')],
];
for (const [name, answer] of BAD_PULLS) {
  Deno.test(`6.1.4 a pull whose stream ${name} has failed`, async () => {
    await using fake = await openFake((_request, response, path) => {
      if (path === "/_ping") return json(response, 200, "OK");
      if (path !== "/images/create") return json(response, 404, { message: "No such image: acme/tool:1" });
      response.writeHead(200, { "content-type": "application/json" });
      answer(response);
    });
    await using engine = openEngine(runtimeAt(fake.path, false));
    const wanted = { image: "acme/tool:1", policy: "missing", platform: null, registryAuths: null } as const;
    const made = await ensureImage(engine, wanted, reporter(), IDLE);
    assert.ok(!made.ok);
    assert.equal(made.error.failure.code, "IMAGE_PULL_FAILED", made.error.failure.message);
  });
}

Deno.test("6.1.6 a pull shows how far it is, in one note that changes", async () => {
  const told = Promise.withResolvers<void>();
  const lines = [
    '{"status":"Pulling from acme/tool","id":"1"}',
    '{"status":"Pulling fs layer","progressDetail":{},"id":"aaa"}',
    '{"status":"Pulling fs layer","progressDetail":{},"id":"bbb"}',
    '{"status":"Downloading","progressDetail":{"current":1000000,"total":4000000},"id":"aaa"}',
  ];
  await using fake = await openFake((request, response, path) => {
    if (path === "/_ping") return json(response, 200, "OK");
    if (request.method === "GET") return json(response, 404, { message: "No such image: acme/tool:1" });
    response.writeHead(200, { "content-type": "application/json" });
    response.write(`${lines.join("\n")}\n`);
    void told.promise.then(() => response.end('{"status":"Download complete","id":"aaa"}\n'));
  });
  await using engine = openEngine(runtimeAt(fake.path, false), { progressMs: 5 });
  const notes: [message: string, instead: string | undefined][] = [];
  const report: Reporter = {
    container: () => Promise.resolve(),
    note: (_level, message, instead) => {
      notes.push([message, instead]);
      told.resolve();
      return Promise.resolve();
    },
  };
  const wanted = { image: "acme/tool:1", policy: "missing", platform: null, registryAuths: null } as const;
  await ensureImage(engine, wanted, report, IDLE);
  assert.deepEqual(notes, [
    ["pulling acme/tool:1: 0 of 2 layers, 1.0 MB of 4.0 MB", "pulling acme/tool:1"],
    ["pulling acme/tool:1: 1 of 2 layers, 4.0 MB of 4.0 MB", "pulling acme/tool:1"],
  ]);
});

Deno.test("8.0.3 when the answer to a create is lost, what it may have made is removed by its name", async () => {
  let name = "";
  await using fake = await openFake((request, response, path) => {
    if (path === "/_ping") return json(response, 200, "OK");
    if (path.startsWith("/images/")) {
      return json(response, 200, { Id: "sha256:1", Os: "linux", Architecture: "amd64" });
    }
    if (path === "/containers/create") {
      name = new URL(request.url ?? "", "http://x").searchParams.get("name") ?? "";
      return void response.destroy();
    }
    if (request.method === "DELETE") return void response.writeHead(204).end();
    json(response, 404, { message: "No such container" });
  });
  await using engine = openEngine(runtimeAt(fake.path, false), { answerMs: 500, reconnectMs: 500 });
  const request = {
    container: CONTAINER,
    entrypoint: null,
    command: ["true"],
    env: {},
    baseDir: "/tmp",
    labels: newTestLabels(),
    limits: { cpu: null, memoryBytes: null },
    registryAuths: null,
    hostEnv: {},
  };
  const outcome = await runStepContainer(engine, request, STOP, collect(), reporter(), IDLE);
  assert.equal(outcome.failure?.code, "ENGINE_UNREACHABLE", textOf(outcome));
  assert.notEqual(name, "");
  assert.ok(fake.asked.includes(`DELETE /containers/${name}`), fake.asked.join("\n"));
});

onEachEngine(
  "AC-79 F62 F65 a line that is cut for a while costs neither a byte nor the result",
  async (bench) => {
    await using proxy = await openProxy(bench.socketPath);
    await using engine = openEngine(runtimeAt(proxy.path, bench.isPodman));
    const out = collect();
    const text = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.4; done; exit 5";
    const running = runStepContainer(engine, bench.shell(text), STOP, out, reporter(), IDLE);
    await out.seen("2\n");
    await proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    proxy.mend();
    const outcome = await running;
    assert.equal(out.text("stdout"), "1\n2\n3\n4\n5\n6\n7\n8\n");
    assert.equal(exitOf(outcome), "5 COMMAND_FAILED");
  },
);

/** Bytes 0 to 255, a line that Docker logs in pieces which cut its characters, then a mark. */
const BYTES = `i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done
printf a; yes é | tr -d '\\n' | head -c 40000; echo; echo MARK;`;

onEachEngine(
  "F65 bytes that are not UTF-8 before the line was cut stay as they are, and what follows is told once",
  async (bench) => {
    await using proxy = await openProxy(bench.socketPath);
    await using engine = openEngine(runtimeAt(proxy.path, bench.isPodman));
    const out = collect();
    const report = reporter();
    const text = `${BYTES} sleep 1; echo after; printf 'x\\377y'`;
    const running = runStepContainer(engine, bench.shell(text), STOP, out, report, IDLE);
    await out.seen("MARK\n");
    await proxy.cut();
    proxy.mend();
    assert.equal(exitOf(await running), "0");
    const first = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const line = `a${"é".repeat(20_000)}\nMARK\nafter\n`;
    // The log of Docker has lost what the byte was, and that is said.
    const last = bench.isPodman ? [120, 255, 121] : [120, 0xef, 0xbf, 0xbd, 121];
    assert.deepEqual(
      out.bytes("stdout"),
      new Uint8Array([...first, ...new TextEncoder().encode(line), ...last]),
    );
    const told = report.notes.filter((note) => note.includes("U+FFFD"));
    assert.equal(told.length, bench.isPodman ? 0 : 1, report.notes.join("\n"));
  },
);

onEachEngine(
  "F62 F63 a container that ends by itself while the line is cut keeps its own end",
  async (bench) => {
    for (const [text, end] of [["exit 0", "0"], ["kill -KILL $$", "137 COMMAND_FAILED"]] as const) {
      await using proxy = await openProxy(bench.socketPath);
      await using engine = openEngine(runtimeAt(proxy.path, bench.isPodman));
      const out = collect();
      const request = bench.shell(`echo on; sleep 0.5; echo over; ${text}`);
      const running = runStepContainer(engine, request, STOP, out, reporter(), IDLE);
      await out.seen("on\n");
      await proxy.cut();
      const isOver = async (): Promise<boolean> => {
        const [id = ""] = await bench.left();
        return await stateOf(bench.engine, id) === "exited";
      };
      await until(isOver, "the container has ended");
      proxy.mend();
      assert.equal(exitOf(await running), end);
      assert.equal(out.text("stdout"), "on\nover\n");
    }
  },
);

onEachEngine("F62 an engine that does not come back is lost after the time for it", async (bench) => {
  const proxy = await openProxy(bench.socketPath);
  await using engine = openEngine(runtimeAt(proxy.path, bench.isPodman), { reconnectMs: 1_000 });
  const out = collect();
  const running = runStepContainer(engine, bench.shell("echo on; sleep 60"), STOP, out, reporter(), IDLE);
  await out.seen("on\n");
  await proxy.cut();
  const outcome = await running;
  assert.equal(exitOf(outcome), "1 ENGINE_LOST");
  await proxy[Symbol.asyncDispose]();
  // Nobody could remove it: that is what labels and the reaper are for.
  const { reap } = await import("../../../src/runner/containers/reaper.ts");
  await reap(bench.engine, bench.labels.runner, () => false, IDLE);
});

onEachEngine(
  "F64 an exec whose line was cut never counts as done well, and nothing of it is left",
  async (bench) => {
    await using proxy = await openProxy(bench.socketPath);
    await using engine = openEngine(runtimeAt(proxy.path, bench.isPodman));
    const root = await openRootContainer(engine, bench.request(), reporter(), IDLE);
    assert.ok("facts" in root, JSON.stringify(root));
    await using opened = root;
    const out = collect();
    const shell = (text: string): ExecRequest => ({
      argv: ["/bin/sh", "-c", text],
      env: {},
      workingDir: null,
      user: null,
    });
    const running = opened.exec(shell("echo on; sleep 20; echo late"), STOP, out, IDLE);
    await out.seen("on\n");
    await proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 500));
    proxy.mend();
    assert.equal(exitOf(await running), "1 ENGINE_LOST");
    const after = collect();
    await opened.exec(shell("ps -o args | grep -c '[s]leep 20' || true"), STOP, after, IDLE);
    assert.equal(after.text("stdout"), "0\n");
  },
);
