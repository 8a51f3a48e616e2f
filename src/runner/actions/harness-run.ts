/**
 * `harness.run`: somebody's agent CLI with a prompt (containers contract 7). An ordinary step otherwise; with fallbacks
 * the first success counts, and only its stdout is the step's (7.6).
 */
import { join } from "node:path";
import type { Failure } from "../../run/failure.ts";
import type { Outcome, OutputSink, ResolvedAction } from "../../run/ports.ts";
import { type Invocation, providerNames, renderInvocation, resolveProvider } from "../../workflow/harness.ts";
import { closeHostPlaces, openHostPlaces, runHostProcess, withOutputFile } from "./host.ts";
import { failed, failedWith, isFailure, newTail, type Tail } from "../../run/outcome.ts";
import { runInOwn, runInShared } from "./placed.ts";
import type { Work } from "./work.ts";

type HarnessAction = Extract<ResolvedAction, { name: "harness.run" }>;
type HarnessTry = HarnessAction["tries"][number];

/** Timeout and cancellation alike (7.8). */
const STOPPED_EXIT_CODE = 124;

export async function harnessRun(action: HarnessAction, work: Work): Promise<Outcome> {
  const total = action.tries.length;
  let last = failed(
    "SPEC_INVALID",
    "harness.run has no provider",
    "name one in with.provider or harness.provider",
  );
  for (const [index, attempt] of action.tries.entries()) {
    last = total === 1 ? await runAlone(action, attempt, work) : await runHeldBack(
      action,
      attempt,
      `harness attempt ${index + 1}/${total} (${attempt.provider})`,
      work,
    );
    if (work.signal.aborted) return { ...last, exitCode: STOPPED_EXIT_CODE };
    if (last.failure === null) return last;
    const next = action.tries[index + 1];
    if (next === undefined) break;
    await tell(
      work,
      `harness attempt ${index + 1}/${total} (${attempt.provider}) failed${reasonOf(last.failure)}; next: ` +
        `${index + 2}/${total} (${next.provider})\n`,
    );
  }
  return last;
}

/** A program that ended has said itself what was wrong; nothing else tells of one that never began. */
function reasonOf({ code, message }: Failure): string {
  return code === "COMMAND_FAILED" ? "" : ` (${code}: ${message.split("\n")[0]})`;
}

async function runTry(
  action: HarnessAction,
  attempt: HarnessTry,
  work: Work,
  sink: OutputSink,
): Promise<Outcome> {
  const provider = resolveProvider(attempt.provider, work.attempt.scope.harnesses);
  if (provider === null) {
    const known = providerNames(work.attempt.scope.harnesses).join(", ");
    if (attempt.provider.includes("${")) {
      const message = `unresolved provider template ${attempt.provider}; known providers: ${known}`;
      return failed("SPEC_INVALID", message, "see that what it refers to is there by then");
    }
    const message = `unknown harness provider "${attempt.provider}"; known: ${known}`;
    return failed("SPEC_INVALID", message, "define it under harnesses:");
  }
  const invocation = renderInvocation(provider, attempt.flags, action.prompt, action.stdin);
  const inner = { ...work, sink };
  if (work.call.place !== "host" && invocation.stdin !== null) {
    const message = `harness provider "${attempt.provider}" in a container does not support stdin input`;
    return failed("SPEC_INVALID", message, "put the text into the prompt, or run the step on the host");
  }
  await work.report.note("info", commandLine(attempt.provider, invocation));
  if (work.call.place === "host") return await runOnHost(invocation, inner);
  const command = { argv: [invocation.binary, ...invocation.args], keepsEntrypoint: false };
  const place = work.call.place === "shared" ? runInShared : runInOwn;
  return await place(inner, "harness.run", [command]);
}

/** What is executed, for the record: secrets are masked in notes as everywhere, a long prompt is cut (7.9.3). */
function commandLine(provider: string, { binary, args, stdin }: Invocation): string {
  const words = [binary, ...args].map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word));
  const input = stdin === null ? "" : ` <<< ${JSON.stringify(stdin)}`;
  return `harness ${provider}: ${words.join(" ")}${input}`;
}

/** The only try: its stdout is the step's as it comes. */
async function runAlone(action: HarnessAction, attempt: HarnessTry, work: Work): Promise<Outcome> {
  const tail = newTail();
  const outcome = await runTry(action, attempt, work, {
    write: async (stream, bytes) => {
      if (stream === "stdout") tail.add(bytes);
      await work.sink.write(stream, bytes);
    },
  });
  if (outcome.failure !== null) await tellTail(attempt, tail, work);
  return outcome;
}

async function runOnHost(invocation: Invocation, work: Work): Promise<Outcome> {
  const places = await openHostPlaces(work);
  if (isFailure(places)) return failedWith(places);
  try {
    const outcome = await runHostProcess(work, places, {
      argv: [invocation.binary, ...invocation.args],
      stdin: invocation.stdin,
      sink: work.sink,
      tailed: ["stderr", "stdout"],
    });
    if (outcome.failure === null) return await withOutputFile(work, places);
    return outcome.failure.code === "COMMAND_NOT_FOUND"
      ? { ...outcome, failure: notInstalled(invocation.binary, outcome.failure) }
      : outcome;
  } finally {
    closeHostPlaces(places);
  }
}

function notInstalled(binary: string, failure: Failure): Failure {
  return { ...failure, message: `${binary}: CLI not found in PATH; install it first (${failure.message})` };
}

/** Keeps stdout in a file until the try is known to be the one; of a failed try its end goes to stderr (7.6.3). */
async function runHeldBack(
  action: HarnessAction,
  attempt: HarnessTry,
  title: string,
  work: Work,
): Promise<Outcome> {
  const path = join(work.attempt.scratchDir, `${work.attempt.ids.uuid()}.stdout`);
  const tail = newTail();
  try {
    let outcome: Outcome;
    {
      using file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
      const held: OutputSink = {
        write: async (stream, bytes) => {
          if (stream === "stderr") return await work.sink.write(stream, bytes);
          tail.add(bytes);
          for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
        },
      };
      outcome = await tellMeanwhile(runTry(action, attempt, work, held), title, tail, work);
    }
    if (outcome.failure === null) {
      using file = await Deno.open(path);
      for await (const chunk of file.readable) await work.sink.write("stdout", chunk);
    } else await tellTail(attempt, tail, work);
    return outcome;
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

const PROVISIONAL_MS = 1_000;

/**
 * Shows the end of what a try has written so far: whether it will be the step's is not known yet (7.6.6). One note, which in
 * the end says how the try went.
 */
async function tellMeanwhile(
  trying: Promise<Outcome>,
  title: string,
  tail: Tail,
  work: Work,
): Promise<Outcome> {
  const over = new AbortController();
  let told = "";
  const telling = (async () => {
    while (!over.signal.aborted) {
      await work.attempt.clock.sleep(PROVISIONAL_MS, over.signal);
      const text = tail.text();
      if (over.signal.aborted || text === told) continue;
      told = text;
      await work.report.note("info", `${title}, provisional stdout:\n${text}`, title);
    }
  })();
  try {
    const outcome = await trying;
    over.abort();
    await telling;
    const end = outcome.failure === null ? "succeeded" : "failed";
    if (told !== "") await work.report.note("info", `${title} ${end}`, title);
    return outcome;
  } finally {
    over.abort();
    await telling;
  }
}

/** Among what it said on stderr: the end of what a failed try printed (7.6.3). */
async function tellTail(attempt: HarnessTry, tail: Tail, work: Work): Promise<void> {
  if (tail.text() === "") return;
  await tell(work, `recent stdout (tail) of harness provider ${attempt.provider}:\n${tail.text()}\n`);
}

async function tell(work: Work, text: string): Promise<void> {
  await work.sink.write("stderr", new TextEncoder().encode(text));
}
