/** Rows of the failure table (containers contract 8) that real engines can be made to show: class, words and remedy. */
import assert from "node:assert/strict";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import { runStepContainer } from "../../../src/runner/containers/step-container.ts";
import {
  type Bench,
  CANCEL,
  collect,
  exitOf,
  IDLE,
  onEachEngine,
  reporter,
  STOP,
  textOf,
  TIMEOUT,
} from "./bench.ts";
import { openRoot } from "./root.ts";

interface Row {
  readonly id: string;
  readonly request: (bench: Bench) => ContainerRequest;
  /** Exit code and class. */
  readonly end: string;
  /** In the message, and in what to do. */
  readonly says: RegExp;
  readonly remedy: RegExp;
  readonly only?: "rootless" | "rootful" | "docker";
}

const raw = (host: Record<string, unknown>, container: Record<string, unknown> = {}) => ({
  raw: { host, container, network: {} },
});

const ROWS: readonly Row[] = [
  {
    id: "F20",
    request: (bench) => bench.shell("true", { image: "acme/no-such-image:1" }),
    end: "1 IMAGE_MISSING",
    says: /"acme\/no-such-image:1" \(docker\.io\/acme\/no-such-image:1\) is not in the store of \w+ at unix:/,
    remedy: /pull .* into this engine, or pull_policy: missing/,
  },
  {
    id: "F24",
    request: (bench) => bench.shell("true", { image: "Acme/Tool" }),
    end: "1 IMAGE_REFERENCE_INVALID",
    says: /"Acme\/Tool" is not an image reference/,
    remedy: /lowercase/,
  },
  {
    id: "F30",
    request: (bench) => bench.shell("true", { volumes: ["/no/such/folder:/x"] }),
    end: "1 MOUNT_SOURCE_UNAVAILABLE",
    says: /does not exist: \/no\/such\/folder .*base directory/,
    remedy: /create it on the runner's machine/,
  },
  {
    id: "F32",
    request: (bench) => bench.shell("true", { volumes: ["bad name!:/x"] }),
    end: "1 MOUNT_INVALID",
    says: /does not accept a volume/,
    remedy: /volume names have letters, digits/,
  },
  {
    id: "F32 the same target twice",
    request: (bench) => bench.shell("true", { volumes: ["/etc:/x", "/usr:/x"] }),
    end: "1 MOUNT_INVALID",
    says: /two volumes have the same target/,
    remedy: /a target of its own/,
  },
  {
    id: "F31 a folder over the list of users",
    request: (bench) => bench.shell("true", { volumes: ["/etc:/etc/passwd"] }),
    end: "1 MOUNT_INVALID",
    says: /a folder where the image has a file/,
    remedy: /of which kind its source is/,
  },
  {
    id: "F31 a file over a folder",
    request: (bench) => bench.shell("true", { volumes: ["/etc/hostname:/usr"] }),
    end: "1 MOUNT_INVALID",
    says: /a file where it has a folder/,
    remedy: /of which kind its source is/,
  },
  {
    id: "F35",
    request: (bench) => bench.shell("true", { network: "no-such-net" }),
    end: "1 NETWORK_UNKNOWN",
    says: /"no-such-net" does not exist/,
    remedy: /network create no-such-net/,
  },
  {
    id: "F34",
    request: (bench) => bench.shell("true", { network: null, ports: ["79:79"] }),
    end: "1 PORT_IN_USE",
    says: /below 1024.*79:79/,
    remedy: /1024 or more/,
    only: "rootless",
  },
  {
    id: "F37",
    request: (bench) => bench.shell("true", { user: "ghost" }),
    end: "1 USER_UNKNOWN",
    says: /user "ghost" does not exist in image/,
    remedy: /numeric id/,
  },
  {
    id: "F38",
    request: (bench) => bench.request({}, { entrypoint: ["claude"] }),
    end: "127 COMMAND_NOT_FOUND",
    says: /"claude" is not in image "alpine:3\.20"/,
    remedy: /must hold the program, in a folder of PATH/,
  },
  {
    id: "F39",
    request: (bench) => bench.request({}, { entrypoint: ["/etc/passwd"] }),
    end: "126 COMMAND_NOT_EXECUTABLE",
    says: /"\/etc\/passwd" of image "alpine:3\.20" cannot be executed/,
    remedy: /chmod \+x/,
  },
  {
    id: "F41",
    request: (bench) => ({ ...bench.shell("true"), ...raw({ Tmpfs: { "/bin": "" } }) }),
    end: "127 COMMAND_NOT_FOUND",
    says: /"\/bin\/sh" is not in image/,
    remedy: /no shell: use container\.shell: \[direct\]/,
    // Podman copies the image's files into such a mount.
    only: "docker",
  },
  {
    id: "F42",
    request: (bench) => ({ ...bench.request(), ...raw({}, { Entrypoint: [""], Cmd: [] }) }),
    end: "1 OCI_RUNTIME",
    says: /"alpine:3\.20" has no command of its own, and none was given/,
    remedy: /write run, container\.command/,
  },
  {
    id: "F43 an argument",
    request: (bench) => bench.request({}, { entrypoint: ["/bin/echo"], command: ["x".repeat(200_000)] }),
    end: "1 OCI_RUNTIME",
    says: /too long for the system/,
    remedy: /128 KiB.*file/,
  },
  {
    id: "F43 a variable",
    request: (bench) => ({ ...bench.shell("true"), env: { X: "x".repeat(200_000) } }),
    end: "1 OCI_RUNTIME",
    says: /too long for the system/,
    remedy: /128 KiB.*file/,
  },
  {
    id: "F44",
    request: (bench) => ({ ...bench.shell("true"), ...raw({ Sysctls: { "kernel.no_such_thing": "1" } }) }),
    end: "1 OCI_RUNTIME",
    says: /refused to start it/,
    remedy: /engine's own words/,
  },
  {
    id: "F55",
    request: (bench) => bench.shell("echo why >&2; exit 7"),
    end: "7 COMMAND_FAILED",
    says: /7[^]*why/,
    remedy: /^/,
  },
];

for (const row of ROWS) {
  onEachEngine(`${row.id} on the real engine`, async (bench) => {
    const outcome = await runStepContainer(
      bench.engine,
      row.request(bench),
      STOP,
      collect(),
      reporter(),
      IDLE,
    );
    assert.equal(exitOf(outcome), row.end, textOf(outcome));
    assert.match(outcome.failure?.message ?? "", row.says);
    assert.match(outcome.failure?.remedy ?? "", row.remedy);
    assert.equal(outcome.failure?.engine, bench.isPodman ? "podman" : "docker");
  }, row.only === undefined ? {} : { only: row.only });
}

onEachEngine("F31 a mount that the engine's user may not reach", async (bench) => {
  const closed = await Deno.makeTempDir();
  await Deno.mkdir(`${closed}/inner`);
  await Deno.chmod(closed, 0o700);
  const request = bench.shell("ls /x", { volumes: [`${closed}/inner:/x`] });
  const outcome = await runStepContainer(bench.engine, request, STOP, collect(), reporter(), IDLE);
  await Deno.remove(closed, { recursive: true });
  assert.equal(exitOf(outcome), "1 MOUNT_SOURCE_UNAVAILABLE", textOf(outcome));
  assert.match(outcome.failure?.remedy ?? "", /readable by the engine's user/);
}, { only: "rootless" });

onEachEngine("F40 the directory of an exec is not there", async (bench) => {
  await using root = await openRoot(bench);
  const request = { argv: ["pwd"], env: {}, workingDir: "/no/such", user: null };
  const outcome = await root.exec(request, STOP, collect(), IDLE);
  assert.equal(exitOf(outcome), "126 OCI_RUNTIME", textOf(outcome));
  assert.match(outcome.failure?.message ?? "", /working directory "\/no\/such" does not exist/);
  assert.match(outcome.failure?.remedy ?? "", /create it first, or correct working_dir/);
});

onEachEngine("F43 an argument of an exec that is too long", async (bench) => {
  await using root = await openRoot(bench);
  const request = { argv: ["echo", "x".repeat(200_000)], env: {}, workingDir: null, user: null };
  const outcome = await root.exec(request, STOP, collect(), IDLE);
  assert.equal(exitOf(outcome), "1 OCI_RUNTIME", textOf(outcome));
  assert.match(outcome.failure?.remedy ?? "", /128 KiB/);
});

onEachEngine("F36 a name that is taken", async (bench) => {
  const containerName = `taken-${crypto.randomUUID().slice(0, 8)}`;
  const holder = { ...bench.request({ containerName }), labels: { ...bench.labels, workflow: "other" } };
  await using _held = await openRoot(bench, holder);
  const request = bench.shell("true", { containerName });
  const outcome = await runStepContainer(bench.engine, request, STOP, collect(), reporter(), IDLE);
  assert.equal(exitOf(outcome), "1 NAME_IN_USE", textOf(outcome));
  assert.match(outcome.failure?.message ?? "", new RegExp(`"${containerName}" .*running`));
  assert.match(outcome.failure?.remedy ?? "", /another name/);
});

onEachEngine("F33 a host port that is taken", async (bench) => {
  using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.ok(holder.addr.transport === "tcp");
  const ports = [`127.0.0.1:${holder.addr.port}:80`];
  const request = bench.shell("true", { network: null, ports });
  const outcome = await runStepContainer(bench.engine, request, STOP, collect(), reporter(), IDLE);
  assert.equal(exitOf(outcome), "1 PORT_IN_USE", textOf(outcome));
  assert.match(outcome.failure?.message ?? "", new RegExp(ports[0] ?? ""));
  assert.match(outcome.failure?.remedy ?? "", /another host port/);
});

onEachEngine("F67 F68 time and a person end a step, and nothing is left", async (bench) => {
  for (const [reason, code] of [[TIMEOUT, "STEP_TIMEOUT"], [CANCEL, "CANCELLED"]] as const) {
    const stop = new AbortController();
    const out = collect();
    const running = runStepContainer(
      bench.engine,
      bench.shell("echo on; sleep 60"),
      { ...STOP, graceMs: 0 },
      out,
      reporter(),
      stop.signal,
    );
    await out.seen("on\n");
    stop.abort(reason);
    assert.equal((await running).failure?.code, code);
  }
});
