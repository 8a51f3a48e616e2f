/** From a request, whose name is free, to a container that exists: mounts, image, create. What fails on the way leaves nothing. */
import type { ContainerFacts } from "../../run/event.ts";
import { isFailure } from "../../run/outcome.ts";
import { isMapping } from "../../workflow/json.ts";
import type { Reporter } from "../../run/ports.ts";
import { findInability } from "./abilities.ts";
import { createContainer, inspectContainer, startContainer } from "./api/container.ts";
import { type EngineError, isLost } from "./api/error.ts";
import { describe, diagnose, isInitMissing, type Subject } from "./diagnose.ts";
import type { Engine } from "./engine.ts";
import type { CreateBody } from "./guard.ts";
import type { Role } from "./labels.ts";
import { tellDroppedLimits } from "./limits.ts";
import { resolveMounts } from "./mounts.ts";
import { newContainerName, shortId } from "./names.ts";
import { type Diagnosis, type Made, stopFailure, unmade } from "./outcome.ts";
import { digestOf, ensureImage } from "./pull.ts";
import { removeQuietly } from "./release.ts";
import { type ContainerRequest, newCreateBody, variablesOf } from "./spec.ts";
import { nulFailure } from "./unfit.ts";

export interface CreatedContainer {
  readonly id: string;
  readonly facts: ContainerFacts;
  readonly subject: Subject;
}

/** A create that was sent is waited for, whoever stops us: its answer is the only way to the id. */
const UNSTOPPED = new AbortController().signal;

export async function makeContainer(
  engine: Engine,
  written: ContainerRequest,
  role: Role,
  report: Reporter,
  signal: AbortSignal,
): Promise<Made<CreatedContainer>> {
  const { guard } = engine;
  const named = guard.image(written.container.image);
  if (typeof named !== "string") {
    return unmade(describe(engine.runtime, named, { image: written.container.image }));
  }
  const request = { ...written, container: { ...written.container, image: named } };
  const { container } = request;
  const { baseDir, hostEnv } = request;
  const volumes = await resolveMounts(container.volumes, {
    baseDir,
    hostEnv,
    isPlanned: engine.isPaper,
    admit: guard.source,
  });
  if (isFailure(volumes)) return unmade(describe(engine.runtime, volumes, { image: named }));
  const mounts = [...volumes, ...(request.extraMounts ?? [])];
  const words = [...request.entrypoint ?? [], ...request.command ?? []];
  const unfit = nulFailure(engine.runtime, words, variablesOf(request), { image: named });
  if (unfit !== null) return unmade(unfit);
  const allowed = await admitted(engine, request, newCreateBody(request, mounts, role, false), PRIVATE);
  if (!allowed.ok) return allowed;
  const inability = await findInability(engine, request, mounts, signal);
  if (inability !== null) return { ok: false, error: inability };
  const wanted = {
    image: container.image,
    policy: container.pullPolicy,
    platform: container.platform,
    registryAuths: request.registryAuths,
  };
  const image = await ensureImage(engine, wanted, report, signal);
  if (!image.ok) return image;
  const network = await ownNetwork(engine, request, signal);
  if (!network.ok) return network;
  const name = container.containerName ?? newContainerName(request.labels);
  const subject = subjectOf(request, name);

  const create = async (withInit: boolean): Promise<Made<string> | EngineError> => {
    // Looked at again: a pull takes long enough for a link to be changed.
    const written = newCreateBody(request, mounts, role, withInit);
    const body = await admitted(engine, request, written, network.value);
    if (!body.ok) return body;
    const reply = await createContainer(engine.socket, name, body.value, container.platform, UNSTOPPED);
    return reply.ok ? { ok: true, value: reply.value.Id } : reply.error;
  };

  if (signal.aborted) return unmade(stopFailure(signal));
  let created = await create(engine.init.isThere);
  if (!("ok" in created) && await lacksInit(engine, created, report)) created = await create(false);
  if (!("ok" in created)) {
    // Whether it was made is unknown then; ours have names that nobody else uses.
    if (isLost(created) && container.containerName === null) await removeQuietly(engine, name, report);
    return {
      ok: false,
      error: await withHolder(engine, name, diagnose(engine.runtime, created, subject, signal)),
    };
  }
  if (!created.ok) return created;
  const id = created.value;
  await tellDroppedLimits(engine, id, request.limits, report, signal);
  const facts: ContainerFacts = {
    engine: engine.runtime.kind,
    address: engine.address,
    id: shortId(id),
    name,
    image: container.image,
    digest: digestOf(image.value, container.image),
  };
  if (!signal.aborted) return { ok: true, value: { id, facts, subject: { ...subject, container: id } } };
  await removeQuietly(engine, id, report);
  return unmade(stopFailure(signal));
}

/** The body as the machine's owner lets it be sent. */
async function admitted(
  engine: Engine,
  request: ContainerRequest,
  written: Made<CreateBody>,
  network: string,
): Promise<Made<CreateBody>> {
  if (!written.ok) return written;
  const isOwn = engine.network !== undefined && namesNoNetwork(request);
  const judged = await engine.guard.body(isOwn ? inNetwork(written.value, PRIVATE) : written.value);
  if (!("body" in judged)) {
    return unmade(describe(engine.runtime, judged, { image: request.container.image }));
  }
  return { ok: true, value: isOwn ? inNetwork(judged.body, network) : judged.body };
}

/** How a policy calls the network of the run, whatever its name is. */
const PRIVATE = "private";

/** What is written counts, `none` above all. */
function namesNoNetwork({ container, raw }: ContainerRequest): boolean {
  const mode = raw?.host["NetworkMode"] ?? "";
  return container.network === null && mode === "" && Object.keys(raw?.network ?? {}).length === 0;
}

async function ownNetwork(
  engine: Engine,
  request: ContainerRequest,
  signal: AbortSignal,
): Promise<Made<string>> {
  if (engine.network === undefined || !namesNoNetwork(request)) return { ok: true, value: "" };
  return await engine.network.name(engine, signal);
}

function inNetwork(body: CreateBody, name: string): CreateBody {
  const host = body["HostConfig"];
  return { ...body, HostConfig: { ...(isMapping(host) ? host : {}), NetworkMode: name } };
}

/** Found out by the first container, by Podman when it is made and by Docker when it is started. */
async function lacksInit(engine: Engine, error: EngineError, report: Reporter): Promise<boolean> {
  if (!engine.init.isThere || !isInitMissing(error)) return false;
  engine.init.isThere = false;
  await report.note("warn", "the engine has no init binary: containers run without one (F45)");
  return true;
}

export interface StartProblem extends Diagnosis {
  /** Made once more it can be started: the engine has no init binary. */
  readonly isOfInit: boolean;
}

/** null: it runs, or has run already. */
export async function start(
  engine: Engine,
  container: CreatedContainer,
  report: Reporter,
  signal: AbortSignal,
): Promise<StartProblem | null> {
  const reply = await startContainer(engine.socket, container.id, signal);
  if (reply.ok) return null;
  const isOfInit = await lacksInit(engine, reply.error, report);
  return { ...diagnose(engine.runtime, reply.error, container.subject, signal), isOfInit };
}

/** F36: whoever took the name meanwhile is shown with its state. */
async function withHolder(engine: Engine, name: string, diagnosis: Diagnosis): Promise<Diagnosis> {
  const { failure } = diagnosis;
  if (failure.code !== "NAME_IN_USE") return diagnosis;
  const holder = await inspectContainer(engine.socket, name, UNSTOPPED);
  if (!holder.ok) return diagnosis;
  const { Id, State } = holder.value;
  const message = `${failure.message} (${shortId(Id)}, ${State.Status})`;
  return { ...diagnosis, failure: { ...failure, message } };
}

function subjectOf({ container, entrypoint, command, raw }: ContainerRequest, name: string): Subject {
  const mode = raw?.host["NetworkMode"];
  const program = entrypoint?.[0] ?? command?.[0];
  return {
    image: container.image,
    name,
    user: container.user ?? textOf(raw?.container["User"]),
    network: container.network ?? textOf(mode),
    platform: container.platform,
    policy: container.pullPolicy,
    ports: container.ports,
    workingDir: container.workingDir,
    ...(program === undefined ? {} : { program }),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
