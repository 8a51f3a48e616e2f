/** A runner that speaks to a control plane's routes by hand, message by message. */
import * as v from "valibot";
import { ClaimReply, HEADERS, RegisterReply } from "../../src/protocol/messages.ts";
import { createRegistrationToken } from "../../src/server/dispatch/register.ts";
import { bodyOf, type RequestOptions, type TestServer } from "./server.ts";

export type HandGrant = v.InferOutput<typeof ClaimReply>["attempts"][number];

export interface HandRunner {
  readonly id: string;
  readonly token: string;
  /** Of every call. */
  readonly headers: Readonly<Record<string, string>>;
  post(path: string, body: unknown, headers?: RequestOptions["headers"]): Promise<Response>;
  get(path: string, headers?: RequestOptions["headers"]): Promise<Response>;
  /** What there is now. */
  claim(change?: Record<string, unknown>): Promise<HandGrant[]>;
}

export interface HandFacts {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly capacity?: number;
  readonly publicKey?: unknown;
}

/** The body of a registration. */
export function registration({ name = "r", labels = {}, capacity = 2, publicKey }: HandFacts = {}) {
  const machine = { machineId: crypto.randomUUID(), version: "1", os: "linux", arch: "amd64", features: [] };
  return { name, labels, capacity, ...machine, ...(publicKey === undefined ? {} : { publicKey }) };
}

export async function openHandRunner(server: TestServer, facts: HandFacts = {}): Promise<HandRunner> {
  const { token } = await createRegistrationToken(server.ports, { lifeMs: 60_000, uses: 1, labels: {} });
  const answer = await server.request("POST", "/runner/v1/register", {
    body: registration(facts),
    headers: { Authorization: `Bearer ${token}` },
  });
  const { runnerId, runnerToken } = v.parse(RegisterReply, await bodyOf(answer));
  const headers = { Authorization: `Bearer ${runnerToken}` };
  const post = async (path: string, body: unknown, more: RequestOptions["headers"] = {}): Promise<Response> =>
    await server.request("POST", `/runner/v1${path}`, { body, headers: { ...headers, ...more } });
  return {
    id: runnerId,
    token: runnerToken,
    headers,
    post,
    get: async (path, more = {}) =>
      await server.request("GET", `/runner/v1${path}`, { headers: { ...headers, ...more } }),
    claim: async (change = {}) => {
      const body = { claimId: crypto.randomUUID(), labels: {}, free: 1, waitMs: 0, held: [], ...change };
      return v.parse(ClaimReply, await bodyOf(await post("/claim", body))).attempts;
    },
  };
}

/** What goes with every call for the attempt. */
export function asAttempt(grant: HandGrant): Record<string, string> {
  return { [HEADERS.attempt]: grant.attemptToken };
}

/** Of a runner that holds nothing. */
export const BEAT = {
  state: "active",
  free: 1,
  spoolBytes: 0,
  version: "1",
  attempts: [],
  ackDirectives: [],
};

export const NOW = 1_790_000_000_000;

/** Events from `seq` on by which an attempt and its step "a" begin. */
export function startEvents(seq = 1, at = NOW): Record<string, unknown>[] {
  return [
    { seq, at, mono: 0, type: "attempt.started", data: { engineVersion: "", host: "h", workDir: "/w" } },
    { seq: seq + 1, at, mono: 1, type: "step.started", step: "a", data: { retry: 0 } },
  ];
}

/** A run of a text of its own, ready to be claimed. */
export async function startInline(
  server: TestServer,
  name = "one",
  spec = 'steps: [{id: a, run: "true"}]',
): Promise<string> {
  const answer = await server.request("POST", "/api/v1/dag-runs", { body: { name, spec } });
  return String((await bodyOf(answer))["dagRunId"]);
}
