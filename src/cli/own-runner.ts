/** Runs that this process starts, retries or resumes: executed by a runner of its own, or by those of a server. */
import * as v from "valibot";
import type { Failure } from "../run/failure.ts";
import type { HeardRun, Listener } from "../runner/listener.ts";
import { systemIds } from "../runner/clock.ts";
import { writeStderr } from "../runner/stderr.ts";
import type { Connection } from "./connect.ts";
import type { Context } from "./command.ts";
import { UserError, writeErr, writeOut } from "./command.ts";
import { followRun } from "./follow.ts";
import { INTERRUPTED, interruption } from "./interrupts.ts";
import type { LocalPlane } from "./local-plane.ts";
import { quietLog } from "./log.ts";
import { DetailsAnswer, exitCodeOf, type RunDetails, runPath } from "./run-json.ts";
import { readLabels } from "./runner-labels.ts";
import { readRunnerPolicy } from "./runner-policy.ts";
import { readExtras } from "./step-extras.ts";
import { newStepOutput } from "./step-output.ts";
import { noteLines, summarize } from "./summary.ts";
import { freeSeat } from "./seats.ts";
import { findNamedWorkflow } from "./workflow-file.ts";

export interface RunName {
  readonly name: string;
  readonly dagRunId: string;
}

/** A run that was made ready. */
export interface ReadyRun extends RunName {
  /** As it was, when it is tried again. */
  readonly before?: RunDetails;
}

/** Which runner is to take a run, as the API is told: whoever can, or the runner of this process. */
export interface RunnerChoice {
  readonly workerSelector: Readonly<Record<string, string>>;
  /** A run that asks for another runner than this is refused. */
  readonly runnerLabels?: Readonly<Record<string, string>>;
}

/**
 * Follows the run that `submit` makes ready to its end, or until it waits for a person. Without a server the run carries a
 * mark by which the runner of this process takes it and no other run, and nobody else takes it.
 */
export async function runAndFollow(
  context: Context,
  connection: Connection,
  submit: (choice: RunnerChoice) => Promise<ReadyRun>,
  isQuiet: boolean,
): Promise<RunDetails> {
  const { plane } = connection;
  if (plane === null) {
    const lost = new UserError(
      "interrupted before the server answered; dagu history NAME shows whether it has begun",
      INTERRUPTED,
    );
    const run = await Promise.race([
      submit({ workerSelector: {} }),
      interruption(context.interrupts.first, lost),
    ]);
    return await follow(context, connection, run, !isQuiet);
  }
  await readRunnerPolicy(context.env);
  if (context.interrupts.first.aborted) throw new UserError("interrupted; nothing was started");
  const mark = systemIds().uuid();
  const run = await submit({ workerSelector: { "dagu-start": mark }, runnerLabels: readLabels(context.env) });
  // Nobody waits for the door: it is for other terminals, while the run goes on.
  const door = connection.openDoor().catch(() => null);
  const over = new AbortController();
  const running = serve(context, connection, plane, mark, isQuiet ? null : listenTo(run), over.signal);
  let details = await follow(context, connection, run, false);
  for (;;) {
    const above = await goesOnAbove(connection, details);
    if (above === null) break;
    details = await follow(context, connection, above, false);
  }
  over.abort();
  await running;
  await (await door)?.[Symbol.asyncDispose]();
  return details;
}

/** To the run and to the one above it, if that goes on later: what other runs below say is theirs. */
function listenTo(asked: RunName): Listener {
  const output = newStepOutput(writeStderr);
  const isShown = (run: HeardRun): boolean => run.root === null || run.dagRunId === asked.dagRunId;
  return {
    output(run, step, stream, bytes) {
      if (isShown(run)) output.bytes(step, stream, bytes);
    },
    end(run, step) {
      if (!isShown(run)) return;
      output.end(step, "stdout");
      output.end(step, "stderr");
    },
  };
}

const LOOK_MS = 100;
const LOOKS = 20;

/** The run above one that is over, when it waited for nothing else and goes on now, which is decided beside it (S-132). */
async function goesOnAbove({ api }: Connection, details: RunDetails): Promise<RunName | null> {
  const { parentDAGRunName: name, parentDAGRunId: dagRunId } = details;
  if (name === undefined || dagRunId === undefined || details.statusLabel === "waiting") return null;
  for (let look = 0; look < LOOKS; look++) {
    const { dagRunDetails } = v.parse(DetailsAnswer, await api.get(runPath({ name, dagRunId })));
    if (dagRunDetails.statusLabel === "queued" || dagRunDetails.statusLabel === "running") {
      return { name, dagRunId };
    }
    if (dagRunDetails.statusLabel !== "waiting") return null;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return null;
}

/** One attempt after the other, as long as automatic retries bring new ones. */
async function serve(
  context: Context,
  connection: Connection,
  plane: LocalPlane,
  mark: string,
  listener: Listener | null,
  over: AbortSignal,
): Promise<void> {
  const { openLocalRunner, settleLeftSeats } = await import("./local-runner.ts");
  const { home } = connection;
  const common = { plane, home, env: context.env, log: quietLog(context.env) };
  let settling: Promise<void> | null = null;
  while (!over.aborted) {
    const stateDir = await freeSeat(home);
    settling ??= settleLeftSeats(common, stateDir);
    const runner = await openLocalRunner({
      ...common,
      capacity: 1,
      labels: { "!dagu-start": mark },
      workflowNamed: (name) => readNamed(name, home.dagsDir),
      stateDir,
      ...(listener === null ? {} : { listener }),
      once: true,
    });
    const onSecond = (): void => runner.stop();
    context.interrupts.second.addEventListener("abort", onSecond, { once: true });
    await runner.run(over);
    context.interrupts.second.removeEventListener("abort", onSecond);
  }
  await settling;
}

/** What `dagu start NAME` would run: no server keeps this home's folder of definitions. */
async function readNamed(name: string, dagsDir: string): Promise<string | Failure | null> {
  try {
    return (await findNamedWorkflow(name, dagsDir))?.text ?? null;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { code: "INPUT_INVALID", message: error.message, remedy: "" };
  }
}

async function follow(
  context: Context,
  connection: Connection,
  run: ReadyRun,
  showsOutput: boolean,
): Promise<RunDetails> {
  const stop = async (): Promise<void> => {
    writeErr("stopping the run; once more to stop it now");
    await connection.api.post(`${runPath(run)}/stop`, { force: false }).catch(() => {});
  };
  const force = (): void => void connection.api.post(`${runPath(run)}/stop`, { force: true }).catch(() => {});
  const onFirst = (): void => void stop();
  context.interrupts.first.addEventListener("abort", onFirst, { once: true });
  // It may have come while the run was made ready.
  if (context.interrupts.first.aborted) onFirst();
  context.interrupts.second.addEventListener("abort", force, { once: true });
  const output = showsOutput ? newStepOutput(writeStderr) : null;
  const { before } = run;
  return await followRun(connection.api, run, {
    output,
    signal: new AbortController().signal,
    ...(before === undefined ? {} : { before }),
  });
}

/** The run as `followRun` left it, and what of it a person at a terminal has seen go by. */
async function summaryOf(context: Context, { api }: Connection, details: RunDetails): Promise<string> {
  return context.isTerminal ? summarize(details) : summarize(details, await readExtras(api, details));
}

/** The summary, what there is to warn of, why it failed, and the exit code (C-02, C-09, C-10, R-13). */
export async function tellEnd(
  context: Context,
  connection: Connection,
  details: RunDetails,
): Promise<number> {
  // Warnings are no results, and quiet is not deaf.
  const { notes } = details;
  if (!context.flags.has("quiet")) {
    writeOut(await summaryOf(context, connection, { ...details, notes: [] }));
  }
  for (const line of noteLines(notes)) writeErr(line);
  const code = exitCodeOf(details);
  if (code !== 0) {
    const reason = (details.failure?.message ?? details.statusLabel).trim()
      .replaceAll(/:\s*\n\s*/g, ": ").replaceAll(/\s*\n\s*/g, "; ");
    writeErr(`failed to execute the dag-run ${details.name} (dag-run ID: ${details.dagRunId}): ${reason}`);
  }
  return code;
}
