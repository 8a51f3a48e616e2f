import * as v from "valibot";
import type { StreamName } from "../../run/ports.ts";
import { type Api, nullIfMissing } from "../api-client.ts";
import { type Command, UserError, writeOutBytes } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { followRun, hasBegun, STREAMS } from "../follow.ts";
import { INTERRUPTED } from "../interrupts.ts";
import { DetailsAnswer, isOver, nodesOf, type RunDetails, runPath } from "../run-json.ts";
import { newRawOutput, newStepOutput, type StepOutput } from "../step-output.ts";
import { getAskedRun, readAskedRun, RUN_OPTIONS } from "./run-argument.ts";

export const command: Command = {
  usage: "logs NAME",
  summary:
    "Prints what the steps of the latest run of a workflow printed, or of the one of --run-id: each line under its step's\n" +
    "name. With --step what that one printed, as it is: its stderr on stderr.",
  examples: ["dagu logs report --follow", "dagu logs report --step build --stream stdout > build.log"],
  options: {
    ...RUN_OPTIONS,
    step: { type: "string", value: "NAME", help: "of this step alone" },
    stream: { type: "string", value: "NAME", help: "stdout or stderr alone" },
    follow: { type: "boolean", short: "f", help: "go on until the run ends, or waits for a person" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    const { flags, positionals: [argument = ""], interrupts: { first: signal } } = context;
    const asked = readAskedRun(context);
    const wanted = { step: flags.text("step"), stream: readStream(flags.text("stream")) };
    await using connection = await connect(context, "door");
    const { api } = connection;
    const { dagRunDetails: run } = v.parse(DetailsAnswer, await getAskedRun(connection, argument, asked));
    const takes = takesOf(run, wanted);
    const output = wanted.step === null ? newStepOutput(writeOutBytes, takes) : newRawOutput(takes);
    if (flags.has("follow") && !isOver(run)) await followRun(api, run, { output, signal });
    else await print(api, run, output);
    // The run goes on.
    return signal.aborted ? INTERRUPTED : 0;
  },
};

function readStream(text: string | null): StreamName | null {
  const stream = STREAMS.find((name) => name === text) ?? null;
  if (text !== null && stream === null) throw new UserError(`invalid --stream "${text}"; use stdout, stderr`);
  return stream;
}

/** A step may be called by its id too. */
function takesOf(
  run: RunDetails,
  { step, stream }: { readonly step: string | null; readonly stream: StreamName | null },
): StepOutput["takes"] {
  const steps = nodesOf(run).map((node) => node.step);
  const named = steps.find(({ name }) => name === step) ?? steps.find(({ id }) => id === step);
  if (step !== null && named === undefined) {
    const names = steps.map(({ name }) => name).join(", ");
    throw new UserError(`run ${run.name}:${run.dagRunId} has no step "${step}"; its steps: ${names}`);
  }
  return (name, one) => (named === undefined || named.name === name) && (stream === null || stream === one);
}

/** What is there by now: one step after the other, as they began. */
async function print(api: Api, run: RunDetails, output: StepOutput): Promise<void> {
  const begun = nodesOf(run).filter(hasBegun).toSorted((a, b) =>
    Date.parse(a.startedAt) - Date.parse(b.startedAt)
  );
  for (const { step: { name } } of begun) {
    for (const stream of STREAMS.filter((one) => output.takes(name, one))) {
      const path = `${runPath(run)}/steps/${encodeURIComponent(name)}/log/download?stream=${stream}`;
      for await (const bytes of await api.download(path).catch(nullIfMissing) ?? []) {
        output.bytes(name, stream, bytes);
      }
      output.end(name, stream);
    }
  }
}
