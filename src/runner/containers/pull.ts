/** Seeing to it that the image is there, by policy (containers contract 6). */
import type { Reporter } from "../../run/ports.ts";
import { fullImage, parseImage } from "../../workflow/image.ts";
import type { PullPolicy, RegistryAuths } from "../../workflow/workflow.ts";
import { type EngineError, engineError, isMissing, type Reply } from "./api/error.ts";
import { type InspectedImage, inspectImage, pullImage } from "./api/image.ts";
import { systemInfo } from "./api/system.ts";
import { findCredentials, registryOf } from "./credentials.ts";
import { describe, diagnose, inFull, localHint } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import { type Diagnosis, type Made, unmade } from "./outcome.ts";
import { isSamePlatform, platformName, platformOf } from "./platform.ts";
import { newPullProgress, type PullProgress } from "./pull-progress.ts";
import { pause, untilAborted } from "./waiting.ts";

export interface WantedImage {
  readonly image: string;
  readonly policy: PullPolicy;
  /** null: the engine's own. */
  readonly platform: string | null;
  /** Of the workflow. */
  readonly registryAuths: RegistryAuths | null;
}

/** Pulls in flight by what they bring: concurrent steps share one (6.1.6). */
export type SharedPulls = Map<string, SharedPull>;

interface SharedPull {
  readonly end: Promise<Reply<null>>;
  readonly progress: PullProgress;
  /** Nobody waits any more: the pull is given up. */
  readonly abandon: AbortController;
  waiting: number;
}

export function newSharedPulls(): SharedPulls {
  return new Map();
}

/** The image as the engine has it now, or why it does not. */
export async function ensureImage(
  engine: Engine,
  wanted: WantedImage,
  report: Reporter,
  signal: AbortSignal,
): Promise<Made<InspectedImage>> {
  const { image, policy } = wanted;
  if (parseImage(image) === null) {
    const message = `"${image}" is not an image reference`;
    const remedy = "for example alpine:3.20, in lowercase";
    return unmade(describe(engine.runtime, { code: "IMAGE_REFERENCE_INVALID", message, remedy }, { image }));
  }
  const local = await lookUp(engine, image, signal);
  if (!local.ok) return local;
  const judged = local.value === null ? null : await judgePlatform(engine, wanted, local.value, signal);
  if (judged !== null && !judged.ok && !isOtherPlatform(judged.error)) return judged;
  if (policy === "never") return judged ?? missing(engine, image);
  if (policy === "missing" && judged?.ok === true) return judged;
  const failure = await pull(engine, wanted, report, signal);
  if (failure !== null) {
    if (policy !== "fallback" || signal.aborted) return { ok: false, error: failure };
    if (judged?.ok !== true) return { ok: false, error: withoutFallback(failure, judged?.error ?? null) };
    await report.note("warn", `${image}: the local copy is used, since ${failure.failure.message}`);
    return judged;
  }
  const pulled = await lookUp(engine, image, signal);
  if (!pulled.ok) return pulled;
  if (pulled.value === null) return missing(engine, image);
  return await judgePlatform(engine, wanted, pulled.value, signal);
}

/** Both reasons (6.1). `local`: why the local copy does not do; null: there is none. */
function withoutFallback({ failure, exitCode }: Diagnosis, local: Diagnosis | null): Diagnosis {
  const why = local === null
    ? "there is no local copy to fall back on"
    : `the local copy does not do: ${local.failure.message}`;
  return { failure: { ...failure, message: `${failure.message}, and ${why}` }, exitCode };
}

/**
 * Only an image for the wanted platform counts as there, which is the engine's own where none is named (1.5.3, 6.4.2). The
 * engine is asked for it when an image is not for the machine of the runner: Podman takes 0.2 s to say.
 */
async function judgePlatform(
  engine: Engine,
  { image, platform }: WantedImage,
  found: InspectedImage,
  signal: AbortSignal,
): Promise<Made<InspectedImage>> {
  if (platform === null && (found.Architecture === "" || isSamePlatform(found, RUNNER_PLATFORM))) {
    return { ok: true, value: found };
  }
  const own = platform === null ? await systemInfo(engine.socket, signal) : null;
  if (own !== null && !own.ok) {
    return { ok: false, error: diagnose(engine.runtime, own.error, { image }, signal) };
  }
  const wanted = platform ?? `${own?.value.OSType}/${own?.value.Architecture}`;
  if (isSamePlatform(found, wanted)) return { ok: true, value: found };
  const message = `image "${image}" is for ${platformOf(found)}, not for ${platformName(wanted)}` +
    (platform === null ? ", as the engine is" : "");
  const remedy = platform === null
    ? `pull the image for that platform, or set platform: ${platformOf(found)} if the engine can emulate it`
    : "pull the image for that platform, or correct platform";
  return unmade(describe(engine.runtime, { code: "IMAGE_PLATFORM_MISMATCH", message, remedy }, { image }));
}

const RUNNER_PLATFORM = `linux/${Deno.build.arch}`;

function isOtherPlatform({ failure }: Diagnosis): boolean {
  return failure.code === "IMAGE_PLATFORM_MISMATCH";
}

/**
 * Digest of what is used, for the record. An image may be known from several registries, under digests of their own: that of
 * the named one, else any; an image that was never pulled has its id.
 */
export function digestOf(image: InspectedImage, reference: string): string {
  const repository = fullImage(reference)?.repository;
  const known = (image.RepoDigests ?? []).map((text) => text.split("@"));
  const own = known.find(([name = ""]) => fullImage(name)?.repository === repository);
  return (own ?? known[0])?.[1] ?? image.Id;
}

async function lookUp(
  engine: Engine,
  image: string,
  signal: AbortSignal,
): Promise<Made<InspectedImage | null>> {
  const reply = await inspectImage(engine.socket, image, signal);
  if (reply.ok) return { ok: true, value: reply.value };
  if (isMissing(reply.error) || isUnknownImage(reply.error)) return { ok: true, value: null };
  return { ok: false, error: diagnose(engine.runtime, reply.error, { image }, signal) };
}

function isUnknownImage(error: EngineError): boolean {
  return error.kind === "answered" && /no such image|image not known/i.test(error.cause + error.message);
}

async function pull(
  engine: Engine,
  wanted: WantedImage,
  report: Reporter,
  signal: AbortSignal,
): Promise<Diagnosis | null> {
  const { image } = wanted;
  const registry = registryOf(image);
  const { authConfig, registryConfig } = engine.runtime;
  const credentials = await findCredentials({
    workflow: wanted.registryAuths,
    environment: authConfig,
    file: registryConfig === null ? null : { path: registryConfig },
  }, registry);
  if ("problem" in credentials) {
    const { problem: message, remedy } = credentials;
    return unmade(describe(engine.runtime, { code: "IMAGE_AUTH_FAILED", message, remedy }, { image })).error;
  }
  const reply = await sharePull(engine, wanted, credentials.header, report, signal);
  if (reply.ok) return null;
  const subject = {
    image,
    policy: wanted.policy,
    platform: wanted.platform,
    credentials: credentials.source,
  };
  // A stream that breaks or makes no sense is the pull's failure, whatever its cause (6.1.4).
  const isCut = reply.error.kind === "broken";
  const error: EngineError = isCut ? { ...reply.error, kind: "answered" } : reply.error;
  return diagnose(engine.runtime, error, subject, signal);
}

/** One request for all who want the same; it is given up when the last of them was stopped. */
async function sharePull(
  engine: Engine,
  wanted: WantedImage,
  auth: string | null,
  report: Reporter,
  signal: AbortSignal,
): Promise<Reply<null>> {
  const key = JSON.stringify([wanted.image, wanted.platform, auth]);
  const shared = engine.pulls.get(key) ?? startPull(engine, wanted, auth, key);
  shared.waiting++;
  const over = new AbortController();
  const telling = tellProgress(engine, wanted.image, shared.progress, report, over.signal);
  try {
    const stopped = engineError("aborted", "image pull", "stopped");
    return await untilAborted(shared.end, signal, () => ({ ok: false, error: stopped }));
  } finally {
    over.abort();
    await telling;
    if (--shared.waiting === 0) shared.abandon.abort();
  }
}

/** One note that changes at most once in a while, until the pull is over. */
async function tellProgress(
  engine: Engine,
  image: string,
  progress: PullProgress,
  report: Reporter,
  over: AbortSignal,
): Promise<void> {
  const beginning = `pulling ${image}`;
  let told = "";
  const tell = async (): Promise<void> => {
    const text = progress.text();
    if (text === told) return;
    told = text;
    await report.note("info", `${beginning}: ${text}`, beginning);
  };
  while (!over.aborted) {
    await pause(engine.limits.progressMs, over);
    await tell();
  }
}

function startPull(engine: Engine, wanted: WantedImage, auth: string | null, key: string): SharedPull {
  const parsed = parseImage(wanted.image);
  // An empty tag would ask some engines for every tag (6.1.5).
  const tag = parsed?.digest ?? parsed?.tag ?? "latest";
  const name = wanted.image.replace(/@[^@]+$/, "").replace(/:[^:/]+$/, "");
  const abandon = new AbortController();
  const progress = newPullProgress();
  const pulled = { name, tag, platform: wanted.platform, auth };
  const end = pullImage(engine.socket, pulled, progress.add, abandon.signal)
    .finally(() => engine.pulls.delete(key));
  const shared = { end, progress, abandon, waiting: 0 };
  engine.pulls.set(key, shared);
  return shared;
}

function missing(engine: Engine, image: string): { ok: false; error: Diagnosis } {
  const { kind } = engine.runtime;
  const message = `image ${
    inFull(image)
  } is not in the store of ${kind} at ${engine.address}, and pull_policy is never`;
  const remedy = `${kind} pull ${image} into this engine, or pull_policy: missing${localHint(image, kind)}`;
  return unmade(describe(engine.runtime, { code: "IMAGE_MISSING", message, remedy }, { image }));
}
