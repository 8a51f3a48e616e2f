/** `docker.run`, also written `container.run`: a container described in the engine's own words (containers contract 5). */
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import { splitWords } from "../../workflow/words.ts";
import type { DockerRun, ExecContainer, ImageContainer } from "../../workflow/workflow.ts";
import { shellArgv } from "../containers/shell.ts";
import { ownEnvironment } from "./environment.ts";
import { failed, failedWith, isFailure } from "../../run/outcome.ts";
import { ownRequest, runInShared } from "./placed.ts";
import { stopRules, type Work } from "./work.ts";

type DockerRunAction = Extract<ResolvedAction, { name: "docker.run" }>;

export async function dockerRun(action: DockerRunAction, work: Work): Promise<Outcome> {
  const { with: options } = action;
  const argv = commandWords(options);
  if (!argv.ok) {
    return failed("SPEC_INVALID", argv.message, "quote the words of with.command, or write them as a list");
  }
  if (options.image !== null) return await runNew(options, options.image, argv.words, work);
  if (options.containerName !== null) {
    return await runInForeign(options, options.containerName, argv.words, work);
  }
  return await runInShared(work, "run", [{ argv: argv.words ?? [], keepsEntrypoint: false }]);
}

type CommandWords =
  | { readonly ok: true; readonly words: readonly string[] | null }
  | { readonly ok: false; readonly message: string };

/** 5.4: a list is one argv; text is split into words, or is one argument of `shell`. */
function commandWords({ command, shell }: DockerRun): CommandWords {
  if (command === null) return { ok: true, words: null };
  if (command.kind === "words") return { ok: true, words: command.words };
  return shell === null ? splitWords(command.text) : { ok: true, words: shellArgv(shell, command.text) };
}

async function runNew(
  options: DockerRun,
  image: string,
  words: readonly string[] | null,
  work: Work,
): Promise<Outcome> {
  const autoRemove = readAutoRemove(options);
  if (autoRemove === null) {
    return failed(
      "SPEC_INVALID",
      `auto_remove must be true or false, not "${options.autoRemove}"`,
      "auto_remove: true",
    );
  }
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const request = {
    ...ownRequest(asContainer(options, image, autoRemove), work, ownEnvironment("run", work.call), {
      argv: words,
      keepsEntrypoint: true,
    }),
    raw: { container: options.container, host: options.host, network: options.network },
  };
  const { runStepContainer } = await import("../containers/step-container.ts");
  return await runStepContainer(engine, request, stopRules(work), work.sink, work.report, work.signal);
}

async function runInForeign(
  options: DockerRun,
  target: string,
  words: readonly string[] | null,
  work: Work,
): Promise<Outcome> {
  if (words === null || words.length === 0) {
    return failed(
      "SPEC_INVALID",
      "docker.run in a running container needs with.command",
      "say what to execute",
    );
  }
  const engine = await work.attempt.engine();
  if (isFailure(engine)) return failedWith(engine);
  const container: ExecContainer = {
    kind: "exec",
    target,
    env: envList(options.exec["Env"]),
    user: textOrNull(options.exec["User"]),
    workingDir: textOrNull(options.exec["WorkingDir"]) ?? options.workingDir,
    shell: null,
  };
  const { openForeignContainer } = await import("../containers/root-container.ts");
  const foreign = await openForeignContainer(engine, container, work.report, work.signal);
  if (isFailure(foreign)) return failedWith(foreign);
  await using opened = foreign;
  const env = {
    ...work.call.stepEnv,
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  };
  const request = { argv: words, env, workingDir: container.workingDir, user: container.user };
  return await opened.exec(request, stopRules(work), work.sink, work.signal);
}

/** 5.1.1: `host.AutoRemove` means the same, an explicit `auto_remove` wins. null: not a truth value. */
function readAutoRemove({ autoRemove, host }: DockerRun): boolean | null {
  if (autoRemove === false) return host["AutoRemove"] === true;
  if (typeof autoRemove === "boolean") return autoRemove;
  const text = autoRemove.trim().toLowerCase();
  if (["true", "1", "t", "yes", "on"].includes(text)) return true;
  return ["false", "0", "f", "no", "off", ""].includes(text) ? false : null;
}

function asContainer(options: DockerRun, image: string, autoRemove: boolean): ImageContainer {
  return {
    kind: "image",
    image,
    containerName: options.containerName,
    pullPolicy: options.pullPolicy,
    env: [],
    volumes: options.volumes,
    user: null,
    workingDir: options.workingDir,
    platform: options.platform,
    ports: [],
    network: null,
    keepContainer: !autoRemove,
    startup: "command",
    command: [],
    waitFor: "running",
    logPattern: null,
    restartPolicy: null,
    healthcheck: null,
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
