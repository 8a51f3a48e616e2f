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

/** How `DAGU_GITHUB_API_URL` may look, for people. */
export const API_FORM = "must be the address of GitHub's API, https://HOST/api/v3, without credentials";

/** Without credentials: errors show it (SF-01). */
export function isApiAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === "");
}

const TIMEOUT_MS = 10_000;
const ANSWER_MAX_BYTES = 65_536;
const SHOWN = 200;
/** Of an own instance without limits, which knows the token. */
const UNLIMITED = "HTTP 404: Rate limiting is not enabled.";
/** GitHub asks for a minute of rest at least, where it names no time. */
const REST_MS = 60_000;
/** GitHub takes no longer description. */
const DESCRIPTION_MAX = 140;

/** `api`: its address, the operator's choice, never that of whoever sends events (SF-01). */
export function openGithub(ports: GithubPorts, api: string): Forge {
  const address = api.replace(/\/+$/, "");
  const ask = (token: string, method: "GET" | "POST", path: string, body?: unknown): Promise<Told> =>
    exchange(
      ports,
      token,
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
    check: async (token) => {
      const known = await ask(token, "GET", "/rate_limit");
      return known.kind === "refused" && known.why === UNLIMITED ? { kind: "told" } : known;
    },
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

async function exchange({ fetch, clock }: GithubPorts, token: string, request: Request): Promise<Told> {
  // What answers shows what it was sent, if it likes.
  const shown = (text: string): string => printable(text.replaceAll(token, "*******"));
  const over = new AbortController();
  const patience = new AbortController();
  void clock.sleep(TIMEOUT_MS, over.signal).then(() => patience.abort());
  try {
    const answer = await fetch(new Request(request, { signal: patience.signal }));
    const { status, headers } = answer;
    const told = judge(status, headers, await readStart(answer), clock.now());
    return told.kind === "told" ? told : { ...told, why: shown(told.why) };
  } catch (error) {
    const why = patience.signal.aborted
      ? `no answer within ${TIMEOUT_MS / 1_000} s`
      : error instanceof Error
      ? error.message
      : String(error);
    return { kind: "later", afterMs: null, why: shown(why) };
  } finally {
    over.abort();
  }
}

/** FG-72: what others' trouble or our haste is to blame for may be tried again, what is wrong with the token or the commit not. */
function judge(status: number, headers: Headers, text: string, now: number): Told {
  if (status >= 200 && status < 300) return { kind: "told" };
  const message = messageOf(text);
  const why = `HTTP ${status}${message}`;
  const afterMs = waitOf(headers, now);
  const isTooFast = status === 429 || (status === 403 && (afterMs !== null || /rate limit/i.test(message)));
  if (isTooFast) return { kind: "later", afterMs: afterMs ?? REST_MS, why };
  return status === 408 || status >= 500 ? { kind: "later", afterMs, why } : { kind: "refused", why };
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

/** As much as comes: what the forge did, its status has told already. */
async function readStart(answer: Response): Promise<string> {
  if (answer.body === null) return "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (text.length < ANSWER_MAX_BYTES) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
    await reader.cancel();
  } catch {
    // It broke off, or came too slowly.
  }
  return text;
}
