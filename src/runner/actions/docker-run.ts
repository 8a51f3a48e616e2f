/** `docker.run`, also written `container.run`: a container described in the engine's own words (containers contract 5). */
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import { bareContainer } from "../../workflow/container.ts";
import { splitWords } from "../../workflow/words.ts";
import type { DockerRun, ExecContainer, ImageContainer } from "../../workflow/workflow.ts";
import type { ExecOptions } from "../containers/exec.ts";
import { newScriptPath, stepOwner } from "../containers/names.ts";
import { shellCommand } from "../containers/shell.ts";
import { asRecord } from "./environment.ts";
import { failed, failedWith, isFailure } from "../../run/outcome.ts";
import { notEntered, ownRequest, type PlacedCommand, runInOwn, runInShared } from "./placed.ts";
import { stopRules, type Work } from "./work.ts";

type DockerRunAction = Extract<ResolvedAction, { name: "docker.run" }>;

export async function dockerRun(action: DockerRunAction, work: Work): Promise<Outcome> {
  const { with: options } = action;
  const read = readCommand(options);
  if (!read.ok) {
    return failed("SPEC_INVALID", read.message, "quote the words of with.command, or write them as a list");
  }
  const { command } = read;
  if (work.call.container !== null) return await runInOwn(work, "run", [command]);
  if (options.image !== null) return await runNew(options, options.image, command, work);
  if (options.containerName !== null) {
    return await runInForeign(options, options.containerName, command, work);
  }
  return await runInShared(work, "run", [command]);
}

type ReadCommand =
  | { readonly ok: true; readonly command: PlacedCommand }
  | { readonly ok: false; readonly message: string };

/** 5.4: a list is one argv; text is split into words, or is one argument of `shell`. The image's entrypoint stays (5.3.2). */
function readCommand({ command, shell }: DockerRun): ReadCommand {
  const keepsEntrypoint = true;
  if (command === null) return { ok: true, command: { argv: null, keepsEntrypoint } };
  if (command.kind === "words") return { ok: true, command: { argv: command.words, keepsEntrypoint } };
  if (shell !== null) {
    return { ok: true, command: { ...shellCommand(shell, command.text, newScriptPath()), keepsEntrypoint } };
  }
  const split = splitWords(command.text);
  return split.ok ? { ok: true, command: { argv: split.words, keepsEntrypoint } } : split;
}

async function runNew(
  options: DockerRun,
  image: string,
  command: PlacedCommand,
  work: Work,
): Promise<Outcome> {
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const request = {
    ...ownRequest(asContainer(options, image), work, "run", command),
    raw: {
      container: options.container,
      host: options.host,
      network: options.network,
    },
    exec: execOptions(options),
  };
  const { runStepContainer } = await import("../containers/step-container.ts");
  const { sink, report, signal, turn } = work;
  return await runStepContainer(engine, request, stopRules(work), sink, report, signal, turn);
}

async function runInForeign(
  options: DockerRun,
  target: string,
  { argv, file }: PlacedCommand,
  work: Work,
): Promise<Outcome> {
  if (argv === null || argv.length === 0) {
    return failed(
      "SPEC_INVALID",
      "docker.run in a running container needs with.command",
      "say what to execute",
    );
  }
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const exec = execOptions(options);
  const container: ExecContainer = { ...exec, kind: "exec", target, env: [], shell: null };
  const { openForeignContainer } = await import("../containers/root-container.ts");
  const { resources } = work.attempt.scope;
  const owner = stepOwner(work.attempt.labels(work.call.step));
  const foreign = await openForeignContainer(engine, container, owner, resources, work.report, work.signal);
  if (isFailure(foreign)) return notEntered(foreign, target, work);
  await using opened = foreign;
  const request = { ...exec, argv, file: file ?? null, env: { ...work.call.stepEnv, ...exec.env } };
  return await opened.exec(request, stopRules(work), work.sink, work.signal);
}

function execOptions({ exec, workingDir }: DockerRun): ExecOptions {
  return {
    env: asRecord(envList(exec["Env"])),
    user: textOrNull(exec["User"]),
    workingDir: textOrNull(exec["WorkingDir"]) ?? workingDir,
    isPrivileged: exec["Privileged"] === true,
    isTerminal: exec["Tty"] === true,
  };
}

function asContainer(options: DockerRun, image: string): ImageContainer {
  return {
    ...bareContainer(image),
    containerName: options.containerName,
    pullPolicy: options.pullPolicy,
    volumes: options.volumes,
    workingDir: options.workingDir,
    platform: options.platform,
    // A reference in it was resolved to a boolean before.
    keepContainer: options.autoRemove !== true,
    startup: "command",
    shell: options.shell,
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The engine's own form: `NAME=value` lines. */
function envList(value: unknown): { readonly name: string; readonly value: string }[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === "string").map((item) => {
    const cut = item.indexOf("=");
    return cut === -1 ? { name: item, value: "" } : { name: item.slice(0, cut), value: item.slice(cut + 1) };
  });
}
