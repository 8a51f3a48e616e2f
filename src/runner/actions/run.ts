/** `run`: text for a shell, on the host (4.4 of the language), in the root container (3.4) or in one of its own (4.4, 4.5). */
import { join } from "node:path";
import type { Outcome, ResolvedAction } from "../../run/ports.ts";
import type { Container } from "../../workflow/workflow.ts";
import { shellProblem } from "../../workflow/step-run.ts";
import { newScriptPath } from "../containers/names.ts";
import { isDirect, shellCommand } from "../containers/shell.ts";
import type { HostPlaces } from "./environment.ts";
import { closeHostPlaces, type HostProcess, openHostPlaces, runHostProcess, withOutputFile } from "./host.ts";
import { failed, failedWith, isFailure, nameCommand, succeeded } from "../../run/outcome.ts";
import { type PlacedCommand, runInOwn, runInShared } from "./placed.ts";
import { chooseShell, commandArgv, scriptArgv, scriptSuffix, type ShellChoice } from "./shell.ts";
import type { Work } from "./work.ts";

type RunAction = Extract<ResolvedAction, { name: "run" }>;

export function run(action: RunAction, work: Work): Promise<Outcome> {
  switch (work.call.place) {
    case "host":
      return runOnHost(action, work);
    case "shared":
      return runInShared(work, "run", placedCommands(action, work.attempt.scope.container));
    case "own":
      return runInOwn(work, "run", placedCommands(action, work.call.container));
    default:
      return work.call.place satisfies never;
  }
}

// ---- on the host ------------------------------------------------------------------------------------------------

async function runOnHost(action: RunAction, work: Work): Promise<Outcome> {
  const broken = brokenCommand(action);
  if (broken !== null) {
    const message = `the resolved command text has a line break (${broken})`;
    return failed("INPUT_INVALID", message, "write the text as a script, with a line break of its own");
  }
  const { scope, runnerEnv } = work.attempt;
  const shell = chooseShell(action.shell, scope.shell, runnerEnv, action.shellArgs);
  const problem = shell.isStepLevel ? shellProblem(shell.words, action.form) : null;
  if (problem !== null) return failed("INPUT_INVALID", problem.message, problem.remedy);
  const places = await openHostPlaces(work);
  if (isFailure(places)) return failedWith(places);
  try {
    const outcome = action.form === "script"
      ? await runScript(action.texts[0] ?? "", shell, work, places)
      : await runCommands(action, shell, work, places);
    return outcome.failure === null ? await withOutputFile(work, places) : outcome;
  } finally {
    closeHostPlaces(places);
  }
}

/** A value that brings a line break would make two commands of one (S-21). */
function brokenCommand(action: RunAction): string | null {
  if (action.form === "script") return null;
  const index = action.texts.findIndex((text) => /[\r\n]/.test(text));
  if (index === -1) return null;
  return action.form === "list" ? `command ${index + 1}` : "it was written on one line";
}

/** A fresh shell each; a list stops at its first failure (S-20). */
async function runCommands(
  action: RunAction,
  shell: ShellChoice,
  work: Work,
  places: HostPlaces,
): Promise<Outcome> {
  for (const [index, text] of action.texts.entries()) {
    const outcome = await runHostProcess(work, places, hostProcess(work, commandArgv(shell, text)));
    if (outcome.failure !== null) return action.form === "list" ? nameCommand(outcome, index) : outcome;
    if (work.signal.aborted) return outcome;
  }
  return succeeded(null);
}

async function runScript(
  text: string,
  shell: ShellChoice,
  work: Work,
  places: HostPlaces,
): Promise<Outcome> {
  const file = join(work.attempt.scratchDir, `${work.attempt.ids.uuid()}${scriptSuffix(shell)}`);
  const script = scriptArgv(shell, text, file);
  if (!script.ok) {
    return failed("INPUT_INVALID", script.message, "leave -c and -s out of the shell's arguments");
  }
  await Deno.writeTextFile(file, text, { mode: 0o700 });
  try {
    const outcome = await runHostProcess(work, places, hostProcess(work, script.argv));
    if (outcome.failure === null) return outcome;
    const message = withoutFile(outcome.failure.message, file);
    return { ...outcome, failure: { ...outcome.failure, message } };
  } finally {
    await Deno.remove(file).catch(() => {});
  }
}

/** Shells write `FILE: 3: ...` or `FILE: line 3: ...`; the author knows only the lines (S-29). */
function withoutFile(message: string, file: string): string {
  const name = RegExp.escape(file);
  return message.replaceAll(new RegExp(`${name}: (?:line )?(\\d+): `, "g"), "line $1: ").replaceAll(
    file,
    "the script",
  );
}

function hostProcess(work: Work, argv: readonly string[]): HostProcess {
  return { argv, stdin: null, sink: work.sink, tailed: ["stderr"] };
}

// ---- in a container ---------------------------------------------------------------------------------------------

/** Each text is one argument of the container's shell; with `shell: [direct]` its words are the command (2.12). */
function placedCommands(action: RunAction, container: Container | null): PlacedCommand[] {
  const shell = container?.shell ?? null;
  return action.texts.map((text) => ({
    ...shellCommand(shell, text, newScriptPath()),
    keepsEntrypoint: isDirect(shell),
  }));
}
