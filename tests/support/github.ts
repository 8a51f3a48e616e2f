/** A forge's side of a test: an endpoint, workflows with triggers, deliveries that are signed. */
import { signatureOf } from "../../src/server/triggers/signature.ts";
import { bodyOf, type TestServer } from "./server.ts";

export const SPEC = 'steps: [{id: a, run: "true"}]';

const SECRET = "a secret that GitHub knows";
export const REPOSITORY = { id: 7, full_name: "o/r", default_branch: "main" };
export const PUSH = {
  ref: "refs/heads/main",
  before: "0",
  after: "a".repeat(40),
  repository: REPOSITORY,
  sender: { login: "me" },
};

/** Sends what GitHub would. */
export async function addEndpoint(server: TestServer, change: Record<string, unknown> = {}) {
  const body = { name: "forge", kind: "github", secret: SECRET, ...change };
  const made = await bodyOf(await server.request("POST", "/api/v1/endpoints", { body }), 201);
  const { endpoint } = made as { endpoint: { id: string } };
  return async (event: string, id: string, payload: unknown, secret = SECRET): Promise<Response> => {
    const text = JSON.stringify(payload);
    return await server.request("POST", `/hooks/v1/github/${endpoint.id}`, {
      body: text,
      headers: {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": await signatureOf(secret, new TextEncoder().encode(text)),
      },
    });
  };
}

export async function addTriggered(server: TestServer, name: string, git: string, rest = ""): Promise<void> {
  const spec = `triggers: [{git: ${git}${rest}}]\n${SPEC}`;
  await bodyOf(await server.request("POST", "/api/v1/dags", { body: { name, spec } }), 201);
}
