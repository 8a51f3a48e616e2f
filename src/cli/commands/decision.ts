/** What people say about a step that waits for them, and how the run goes on then. */
import * as v from "valibot";
import { type Command, type Context, type Option, UserError, writeErr, writeOut } from "../command.ts";
import { connect, CONNECT_OPTIONS, type Connection } from "../connect.ts";
import { runAndFollow, type RunName, type RunnerChoice } from "../own-runner.ts";
import { DetailsAnswer, exitCodeOf, type Node, type RunDetails, runPath } from "../run-json.ts";
import { getAskedRun, readAskedRun } from "./run-argument.ts";

export const WAITING_OPTIONS: Readonly<Record<string, Option>> = {
  "run-id": { type: "string", short: "r", value: "ID", help: "run id (default: the latest)" },
  "sub-run-id": { type: "string", short: "s", value: "ID", help: "a run below it, which waits" },
  step: { type: "string", value: "ID", help: "id or name of the step (required)" },
};

export const INPUT_OPTION: Option = {
  type: "string",
  multiple: true,
  value: "K=V",
  help: "one input; may be repeated",
};

export interface WaitingStep {
  readonly run: RunName;
  /** As it was given. */
  readonly step: string;
  /** null: the run has no such step, as the server will say. */
  readonly node: Node | null;
}

export async function findWaiting(
  context: Context,
  connection: Connection,
  argument: string,
): Promise<WaitingStep> {
  const step = context.flags.text("step");
  if (step === null) throw new UserError("--step is required; dagu status NAME shows which step waits");
  const answer = await getAskedRun(connection, argument, readAskedRun(context));
  const { dagRunDetails } = v.parse(DetailsAnswer, answer);
  const node = dagRunDetails.nodes.find((one) => one.step.id === step || one.step.name === step) ?? null;
  return { run: { name: dagRunDetails.name, dagRunId: dagRunDetails.dagRunId }, step, node };
}

export interface Saying {
  /** Below the run's path. */
  readonly path: string;
  readonly body: unknown;
  /** The line on stdout. */
  readonly tell: (answer: unknown) => string;
  /** How the run is meant to end, when that is not well. */
  readonly end?: string;
}

/** Runners of a server take it from here; without one, this process goes on with the run. Answers the exit code. */
export async function say(
  context: Context,
  connection: Connection,
  run: RunName,
  saying: Saying,
): Promise<number> {
  const post = async (choice: RunnerChoice | null): Promise<RunName> => {
    const query = new URLSearchParams(
      Object.entries(choice ?? {}).map(([key, labels]) => [key, JSON.stringify(labels)]),
    );
    writeOut(saying.tell(await connection.api.post(`${runPath(run)}${saying.path}?${query}`, saying.body)));
    return run;
  };
  if (connection.plane === null) {
    await post(null);
    return 0;
  }
  const details = await runAndFollow(context, connection, post, false);
  // What a run above makes of it is not what was asked for.
  const isMeant = details.statusLabel === saying.end ||
    (saying.end !== undefined && details.dagRunId !== run.dagRunId);
  return isMeant ? 0 : codeOf(details);
}

function codeOf(details: RunDetails): number {
  const code = exitCodeOf(details);
  if (code !== 0) {
    writeErr(`the resumed run ${details.name}:${details.dagRunId} ended ${details.statusLabel}`);
  }
  return code;
}

export function readPairs({ flags }: Context): Record<string, string> {
  return Object.fromEntries(
    flags.texts("input").map((word): [string, string] => {
      const at = word.indexOf("=");
      if (at < 1) throw new UserError(`--input must be KEY=VALUE, got "${word}"`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

// ---- approvals --------------------------------------------------------------------------------------------------

interface ApprovalCommand {
  readonly verb: "approve" | "reject" | "push-back";
  readonly summary: string;
  readonly examples: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly body: (context: Context) => unknown;
  readonly tell: (step: string, answer: unknown) => string;
  readonly end?: string;
}

/** `approve`, `reject` and `push-back` differ in what they send. */
export function approvalCommand(
  { verb, summary, examples, options, body, tell, ...end }: ApprovalCommand,
): Command {
  return {
    usage: `${verb} NAME --step ID`,
    summary: `${summary}\nWithout a server the run goes on in this process once nothing waits any more.`,
    examples,
    options: { ...WAITING_OPTIONS, ...options, ...CONNECT_OPTIONS },
    arguments: [1, 1],
    ownsInterrupts: true,
    run: async (context) => {
      await using connection = await connect(context);
      const { run, step, node } = await findWaiting(context, connection, context.positionals[0] ?? "");
      return await say(context, connection, run, {
        path: `/steps/${encodeURIComponent(node?.step.name ?? step)}/${verb}`,
        body: body(context),
        tell: (answer) => tell(step, answer),
        ...end,
      });
    },
  };
}

const Resumed = v.object({ resumed: v.boolean() });

/** `; DAG-run ...`, as human tasks end their line. */
export function goesOn(answer: unknown): string {
  return v.parse(Resumed, answer).resumed ? "DAG-run queued for resume." : "DAG-run remains waiting.";
}
