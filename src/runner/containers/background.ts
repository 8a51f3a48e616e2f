/** A container that is started to hold several commands: the root container of a run, or a step's with a list (2.10). */
import type { ContainerFacts } from "../../run/event.ts";
import type { Failure } from "../../run/failure.ts";
import { SETUP_EXIT_CODE } from "../../run/outcome.ts";
import type { Reporter } from "../../run/ports.ts";
import type { ImageContainer } from "../../workflow/workflow.ts";
import { type CreatedContainer, makeContainer, start, type StartProblem } from "./created.ts";
import type { Engine } from "./engine.ts";
import { findHolder } from "./holder.ts";
import type { Role } from "./labels.ts";
import type { Made } from "./outcome.ts";
import { waitUntilReady } from "./readiness.ts";
import { release, releaseBackground, removeQuietly } from "./release.ts";
import type { ContainerRequest } from "./spec.ts";

/** Disposal stops it, and removes it unless it is to stay. Never throws. */
export interface BackgroundContainer extends AsyncDisposable, CreatedContainer {
  readonly facts: ContainerFacts;
}

/** Sleeps, and ends at once on SIGTERM, with an init process or without. Every image with a shell can do it (2.10.3). */
const KEEPALIVE = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done";

/** Made, started and ready; whatever fails on the way leaves nothing. */
export async function openBackground(
  engine: Engine,
  request: ContainerRequest,
  role: Exclude<Role, "step">,
  report: Reporter,
  signal: AbortSignal,
): Promise<Made<BackgroundContainer>> {
  const { container } = request;
  const holder = await findHolder(engine, request, role, signal);
  if (!holder.ok) return holder;
  const made = await makeContainer(engine, { ...request, ...mainProcess(container) }, role, report, signal);
  if (!made.ok) return made;
  const problem = await bringUp(engine, made.value, container, report, signal);
  if (problem?.isOfInit) {
    await removeQuietly(engine, made.value.id, report);
    return await openBackground(engine, request, role, report, signal);
  }
  if (problem !== null) {
    await release(engine, made.value.id, container.keepContainer, report);
    return { ok: false, error: problem };
  }
  await report.container(made.value.facts);
  const dispose = (): Promise<void> =>
    releaseBackground(engine, made.value.id, container.keepContainer, report);
  return { ok: true, value: { ...made.value, [Symbol.asyncDispose]: dispose } };
}

/** 2.10: always with an explicit entrypoint, since Podman ignores an empty one (2.10.1). */
function mainProcess(container: ImageContainer): Pick<ContainerRequest, "entrypoint" | "command"> {
  switch (container.startup) {
    case "entrypoint":
      return { entrypoint: null, command: null };
    case "command":
      return container.command.length === 0
        ? { entrypoint: null, command: null }
        : { entrypoint: container.command.slice(0, 1), command: container.command.slice(1) };
    case "keepalive":
      return { entrypoint: ["/bin/sh"], command: ["-c", KEEPALIVE] };
    default:
      return container.startup satisfies never;
  }
}

async function bringUp(
  engine: Engine,
  made: CreatedContainer,
  container: ImageContainer,
  report: Reporter,
  signal: AbortSignal,
): Promise<StartProblem | null> {
  const refused = await start(engine, made, report, signal);
  if (refused !== null) return refused;
  const failure = await waitUntilReady(engine, made, container, report, signal);
  return failure === null ? null : { failure, exitCode: exitCodeOf(failure), isOfInit: false };
}

/** The same codes on both engines, although catatonit ends with 1 for everything (0.3). */
function exitCodeOf({ code }: Failure): number {
  if (code === "COMMAND_NOT_FOUND") return 127;
  return code === "COMMAND_NOT_EXECUTABLE" ? 126 : SETUP_EXIT_CODE;
}
