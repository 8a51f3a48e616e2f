/** `wait.*`: look, sleep, look again. Nothing is printed; a stop ends the wait at once. */
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import { openHttp } from "./http-exchange.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

/** The wall clock may be set meanwhile, so a wait for a time looks at it now and then. */
const LOOK_MS = 30_000;

export async function waitDuration({ duration }: With<"wait.duration">, work: Work): Promise<Outcome> {
  const { clock } = work.attempt;
  const end = clock.mono() + duration;
  return await sleepWhile(() => end - clock.mono(), work);
}

export async function waitUntil({ until }: With<"wait.until">, work: Work): Promise<Outcome> {
  return await sleepWhile(() => Math.min(until - work.attempt.clock.now(), LOOK_MS), work);
}

/** Until `restMs` tells nothing to be left. A timer may end early. */
async function sleepWhile(restMs: () => number, work: Work): Promise<Outcome> {
  for (let rest = restMs(); rest > 0; rest = restMs()) await sleep(rest, work);
  return succeeded(null);
}

export async function waitFile(given: With<"wait.file">, work: Work): Promise<Outcome> {
  const path = joinDir(stepDir(work), given.path);
  const isWanted = given.state === "exists";
  return await poll(given.poll_interval, work, async () => await isThere(path) === isWanted);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/** A server that does not answer yet is no failure: that is what is waited for. */
export async function waitHttp(given: With<"wait.http">, work: Work): Promise<Outcome> {
  const request: With<"http.request"> = {
    ...NOTHING_ELSE,
    url: given.url,
    method: given.method,
    headers: given.headers,
    body: given.body,
    timeout: given.request_timeout / 1000,
  };
  checkHeaders(given.headers);
  let known = "";
  return await poll(given.poll_interval, work, async () => {
    const answer = await look(request, work);
    if (answer === given.status) return true;
    const reason = typeof answer === "number" ? `status ${answer}` : answer;
    if (reason !== known) await work.report.note("info", `wait.http goes on: ${reason}`);
    known = reason;
    return false;
  });
}

/** The status, or why there is none. */
async function look(request: With<"http.request">, work: Work): Promise<number | string> {
  try {
    await using answer = await openHttp(request, work);
    return answer.status;
  } catch (error) {
    if (error instanceof ActionError && !work.signal.aborted) return error.message;
    throw error;
  }
}

/** Those that can never be sent would be waited for without end. */
function checkHeaders(headers: Readonly<Record<string, string>>): void {
  try {
    new Headers(headers);
  } catch {
    throw new ActionError("headers have characters that HTTP does not allow", "correct headers");
  }
}

const NOTHING_ELSE = {
  query: {},
  form: undefined,
  files: undefined,
  format: "text",
  json: false,
  silent: true,
  debug: false,
  output: undefined,
  skip_tls_verify: false,
} as const;

async function poll(intervalMs: number, work: Work, isOver: () => Promise<boolean>): Promise<Outcome> {
  while (!await isOver()) await sleep(intervalMs, work);
  return succeeded(null);
}

async function sleep(ms: number, work: Work): Promise<void> {
  await work.attempt.clock.sleep(ms, work.signal);
  if (work.signal.aborted) throw new ActionError("stopped");
}
