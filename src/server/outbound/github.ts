/** GitHub's REST API, as far as a commit's statuses go: https://docs.github.com/en/rest/commits/statuses */
import * as v from "valibot";
import type { Clock } from "../../run/ports.ts";
import type { CommitStatus, Forge, Told } from "../ports.ts";

export interface GithubPorts {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly clock: Clock;
}

/** Of an own instance it is `https://HOST/api/v3`. */
export const GITHUB_API = "https://api.github.com";

const TIMEOUT_MS = 10_000;
const ANSWER_MAX_BYTES = 65_536;
const SHOWN = 200;
/** GitHub takes no longer description. */
const DESCRIPTION_MAX = 140;

/** `address`: of the API, without trailing slash; the operator's choice, never that of whoever sends events (SF-01). */
export function openGithub(ports: GithubPorts, address: string): Forge {
  const ask = (token: string, method: "GET" | "POST", path: string, body?: unknown): Promise<Told> =>
    exchange(
      ports,
      new Request(`${address}${path}`, {
        method,
        // A redirect would take the token along (SF-03).
        redirect: "manual",
        headers: {
          Accept: "application/vnd.github+json",
          Authorization: `Bearer ${token}`,
          "User-Agent": "dagu-edge",
          "X-GitHub-Api-Version": "2022-11-28",
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  return {
    tell: (token, status) => ask(token, "POST", statusPath(status), toBody(status)),
    // Needs no right of the token's, and counts against no limit.
    check: (token) => ask(token, "GET", "/rate_limit"),
  };
}

function statusPath({ repo, sha }: CommitStatus): string {
  const [owner = "", name = ""] = repo.split("/");
  return `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}/statuses/${
    encodeURIComponent(sha)
  }`;
}

function toBody({ state, context, description, targetUrl }: CommitStatus): Record<string, string> {
  return { state, context, description: description.slice(0, DESCRIPTION_MAX), target_url: targetUrl };
}

async function exchange({ fetch, clock }: GithubPorts, request: Request): Promise<Told> {
  const over = new AbortController();
  const patience = new AbortController();
  void clock.sleep(TIMEOUT_MS, over.signal).then(() => patience.abort());
  try {
    const answer = await fetch(new Request(request, { signal: patience.signal }));
    return judge(answer, await readStart(answer), clock.now());
  } catch (error) {
    const why = patience.signal.aborted
      ? `no answer within ${TIMEOUT_MS / 1_000} s`
      : error instanceof Error
      ? error.message
      : String(error);
    return { kind: "later", afterMs: null, why: printable(why) };
  } finally {
    over.abort();
  }
}

/** FG-72: what others' trouble or our haste is to blame for may be tried again, what is wrong with the token or the commit not. */
function judge({ status, headers }: Response, text: string, now: number): Told {
  if (status >= 200 && status < 300) return { kind: "told" };
  const why = printable(`HTTP ${status}${messageOf(text)}`);
  const afterMs = waitOf(headers, now);
  const isTooFast = status === 429 || (status === 403 && afterMs !== null);
  const isLater = isTooFast || status === 408 || status >= 500;
  return isLater ? { kind: "later", afterMs, why } : { kind: "refused", why };
}

/** Milliseconds that GitHub asks for: `Retry-After`, or the reset of a limit that is used up; null: it asks for none. */
function waitOf(headers: Headers, now: number): number | null {
  const seconds = (name: string): number | null => {
    const text = headers.get(name)?.trim() ?? "";
    return /^\d{1,12}$/.test(text) ? Number(text) : null;
  };
  const after = seconds("Retry-After");
  if (after !== null) return after * 1_000;
  const reset = headers.get("X-RateLimit-Remaining") === "0" ? seconds("X-RateLimit-Reset") : null;
  return reset === null ? null : Math.max(0, reset * 1_000 - now);
}

const Failure = v.object({ message: v.string() });

function messageOf(text: string): string {
  try {
    const parsed = v.safeParse(Failure, JSON.parse(text));
    return parsed.success ? `: ${parsed.output.message}` : "";
  } catch {
    return "";
  }
}

/** SF-04: answers of others are shown by their beginning, and of that what can be printed. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, SHOWN);
}

async function readStart(answer: Response): Promise<string> {
  if (answer.body === null) return "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < ANSWER_MAX_BYTES) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  await reader.cancel();
  return text;
}
