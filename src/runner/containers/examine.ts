/** `dagu doctor`: the engine looked at from the socket to a container that ran, each thing with what would mend it. */
import { statfs } from "node:fs/promises";
import type { Failure } from "../../run/failure.ts";
import { isFailure } from "../../run/outcome.ts";
import type { OutputSink, Reporter } from "../../run/ports.ts";
import { bareContainer } from "../../workflow/container.ts";
import { inspectImage, listImages, removeImage } from "./api/image.ts";
import { type SystemInfo, systemInfo } from "./api/system.ts";
import { diagnose } from "./diagnose.ts";
import { checkSharedFolder, isRootless } from "./doctor.ts";
import { type Engine, openEngine } from "./engine.ts";
import { ensureImage } from "./pull.ts";
import { addressText, type Runtime } from "./runtime.ts";
import { runStepContainer } from "./step-container.ts";

export interface Finding {
  readonly what: string;
  readonly level: "ok" | "warning" | "problem";
  readonly text: string;
  /** "": nothing to do. */
  readonly remedy: string;
}

export interface Examination {
  readonly runtime: Runtime | Failure;
  /** Where the runner keeps the folders that containers mount; existing. */
  readonly workDir: string;
  /** Asked for, pulled when it is not there, and run once. null: the engine is only asked. */
  readonly image: string | null;
  readonly signal: AbortSignal;
}

/** One after the other; what cannot be known after a problem is left out. */
export async function* examine(given: Examination): AsyncGenerator<Finding> {
  const { runtime, signal } = given;
  if (isFailure(runtime)) return yield problem("selection", runtime);
  const source = runtime.source === "default" ? "the default address" : `address from ${runtime.source}`;
  yield fine("selection", `${runtime.kind} at ${addressText(runtime.address)}, ${source}`);
  for (const note of runtime.notes) yield { what: "selection", level: "warning", text: note, remedy: "" };
  await using engine = openEngine(runtime);
  const identity = await engine.socket.identity(signal);
  if (!identity.ok) return yield problem("connection", diagnose(runtime, identity.error, {}, signal).failure);
  const { apiVersion, engineVersion, isPodman } = identity.value;
  yield fine("connection", `${isPodman ? "Podman" : "Docker"} ${engineVersion}, API ${apiVersion}`);
  if (isPodman !== (runtime.kind === "podman")) yield otherKind(isPodman, runtime);
  const info = await systemInfo(engine.socket, signal);
  if (!info.ok) return yield problem("engine", diagnose(runtime, info.error, {}, signal).failure);
  yield await storage(info.value);
  yield users(info.value);
  yield cgroups(info.value);
  if (given.image === null) yield* withoutImage(engine, given);
  else yield* withImage(engine, given.image, given);
}

function otherKind(isPodman: boolean, runtime: Runtime): Finding {
  return {
    what: "connection",
    level: "warning",
    text: `it is ${isPodman ? "Podman" : "Docker"}, though DAGU_CONTAINER_RUNTIME says ${runtime.kind}`,
    remedy: "that works; set DAGU_CONTAINER_RUNTIME to what it is, so that messages name it rightly",
  };
}

// ---- what the engine says -----------------------------------------------------------------------------------------

const LOW_BYTES = 2 ** 30;
const GIB = 2 ** 30;

async function storage({ Driver, DockerRootDir, Images }: SystemInfo): Promise<Finding> {
  const about = `driver ${Driver || "unknown"} in ${DockerRootDir || "an unknown folder"}, ${Images} images`;
  // Of an engine elsewhere the folder is not ours to measure.
  const room = await statfs(DockerRootDir).catch(() => null);
  const free = room === null ? null : room.bavail * room.bsize;
  const text = free === null ? about : `${about}, ${(free / GIB).toFixed(1)} GiB free`;
  if (free !== null && free < LOW_BYTES) {
    const remedy = "images and containers need room: system prune of the engine, or a larger disk";
    return { what: "storage", level: "warning", text, remedy };
  }
  if (Driver === "vfs") {
    const remedy =
      "vfs copies every layer: use overlay (rootless: a kernel of 5.11 or later, or fuse-overlayfs)";
    return { what: "storage", level: "warning", text, remedy };
  }
  return fine("storage", text);
}

function users(info: SystemInfo): Finding {
  if (isRootless(info)) {
    return fine("users", "rootless: root of a container is the user that runs the engine");
  }
  const isRemapped = (info.SecurityOptions ?? []).some((option) => option.includes("name=userns"));
  if (isRemapped) return fine("users", "root of a container is another user outside (userns-remap)");
  return {
    what: "users",
    level: "ok",
    text: "root of a container is root of the machine, held by the engine's defaults only",
    remedy: "for work that you do not trust: a rootless engine, and a policy (DAGU_RUNNER_POLICY)",
  };
}

function cgroups(info: SystemInfo): Finding {
  const version = info.CgroupVersion || "unknown";
  if (isRootless(info) && version === "1") {
    return {
      what: "cgroups",
      level: "warning",
      text: "version 1 with a rootless engine: limits of memory, cpu and processes are not kept",
      remedy:
        "start the machine with cgroup version 2 (systemd.unified_cgroup_hierarchy=1) and delegate it to the user",
    };
  }
  const missing = [
    ...(info.MemoryLimit ? [] : ["memory"]),
    ...(info.PidsLimit ? [] : ["pids"]),
  ];
  if (missing.length === 0) return fine("cgroups", `version ${version}, limits are kept`);
  return {
    what: "cgroups",
    level: "warning",
    text: `version ${version}, without ${missing.join(" and ")}: these limits are not kept`,
    remedy: "delegate the controllers to the engine (systemd: Delegate=yes), or enable them at boot",
  };
}

// ---- containers ---------------------------------------------------------------------------------------------------

async function* withoutImage(engine: Engine, { workDir, signal }: Examination): AsyncGenerator<Finding> {
  const images = await listImages(engine.socket, signal);
  if (images.ok && images.value.length === 0) {
    const text = `not looked at: ${engine.runtime.kind} has no image to try it with`;
    return yield {
      what: "mounts",
      level: "warning",
      text,
      remedy: "dagu doctor --image docker.io/library/alpine",
    };
  }
  yield await mounts(engine, workDir, signal);
  const text = "not tried";
  yield {
    what: "container",
    level: "ok",
    text,
    remedy: "dagu doctor --image IMAGE pulls one and runs a container",
  };
}

async function mounts(engine: Engine, workDir: string, signal: AbortSignal): Promise<Finding> {
  const found = await checkSharedFolder(engine, workDir, signal);
  if (found !== null) return { what: "mounts", level: "problem", text: found.message, remedy: found.remedy };
  return fine("mounts", `containers see the work folder ${workDir}`);
}

async function* withImage(engine: Engine, image: string, given: Examination): AsyncGenerator<Finding> {
  const { signal, workDir } = given;
  const wasThere = (await inspectImage(engine.socket, image, signal)).ok;
  const wanted = { image, policy: "missing", platform: null, registryAuths: null } as const;
  const made = await ensureImage(engine, wanted, SILENT, signal);
  if (!made.ok) return yield problem("image", made.error.failure);
  try {
    yield fine("image", `${image} ${wasThere ? "is there" : "was pulled"}`);
    yield await mounts(engine, workDir, signal);
    yield await runOnce(engine, image, given);
  } finally {
    if (!wasThere) await removeImage(engine.socket, image, AbortSignal.timeout(REMOVE_MS));
  }
}

const REMOVE_MS = 30_000;
const SILENT: Reporter = { container: () => Promise.resolve(), note: () => Promise.resolve() };
const PROBE = "cat /dagu-probe/said && echo heard > /dagu-probe/answer";

/** Made, started, read, removed; with a mount that is written to. */
async function runOnce(engine: Engine, image: string, { workDir, signal }: Examination): Promise<Finding> {
  const folder = await Deno.makeTempDir({ dir: workDir, prefix: "probe-" });
  try {
    // Whoever the engine's user is.
    await Deno.chmod(folder, 0o777);
    await Deno.writeTextFile(`${folder}/said`, "said");
    const request = {
      container: {
        ...bareContainer(image),
        network: "none",
        startup: "command" as const,
        volumes: [`${folder}:/dagu-probe`],
      },
      entrypoint: ["/bin/sh"],
      command: ["-e", "-c", PROBE],
      env: {},
      baseDir: folder,
      labels: { workflow: "doctor", run: "", attempt: "", step: "probe", runner: "" },
      limits: { cpu: null, memoryBytes: null },
      hostEnv: {},
      registryAuths: null,
    };
    const heard = new Set<string>();
    const decoder = new TextDecoder();
    const sink: OutputSink = {
      write: (stream, bytes) => {
        if (stream === "stdout") heard.add(decoder.decode(bytes).trim());
        return Promise.resolve();
      },
    };
    const rules = { signal: "SIGKILL", graceMs: 0, hurry: signal };
    const outcome = await runStepContainer(engine, request, rules, sink, SILENT, signal);
    if (outcome.failure !== null) return problem("container", outcome.failure);
    const answer = await Deno.readTextFile(`${folder}/answer`).catch(() => null);
    if (answer !== null && heard.has("said")) {
      return fine("container", "ran, its output arrived, and what it wrote to a mount is here");
    }
    const text = answer === null
      ? "what it wrote to a mount is not here"
      : "ran, and its output did not arrive";
    return { what: "container", level: "problem", text, remedy: "run runner and engine on one machine" };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function fine(what: string, text: string): Finding {
  return { what, level: "ok", text, remedy: "" };
}

function problem(what: string, { code, message, remedy }: Failure): Finding {
  return { what, level: "problem", text: `${code}: ${message}`, remedy };
}
