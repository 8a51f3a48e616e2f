/** A control plane for tests: ports on a given database, fixed settings, requests without a socket. */
import assert from "node:assert/strict";
import { systemClock, systemIds } from "../../src/runner/clock.ts";
import type { Clock, Log } from "../../src/run/ports.ts";
import { newMemoryWake } from "../../src/cli/wake.ts";
import { createApp } from "../../src/server/app.ts";
import type { Forge, ServerPorts, Told } from "../../src/server/ports.ts";
import { SERVER_DEFAULTS, type ServerSettings } from "../../src/server/settings.ts";
import type { Db } from "../../src/server/store/db.ts";
import { DATABASE_KINDS, openTestDatabase } from "./database.ts";

export const TEST_SETTINGS: ServerSettings = {
  ...SERVER_DEFAULTS,
  version: "test",
  auth: { kind: "none" },
  keys: [{ id: "test", bytes: new Uint8Array(32).fill(7) }],
};

export function newTestPorts(db: Db, clock: Clock = systemClock(), log: Log = silentLog()): ServerPorts {
  return {
    db,
    clock,
    ids: systemIds(),
    log,
    wake: newMemoryWake(clock),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    base: null,
    forge: noForge(),
    background: () => {},
  };
}

/** Whoever expects it to be asked brings their own. */
export function noForge(): Forge {
  const nobody = (): Promise<Told> =>
    Promise.resolve({ kind: "later", afterMs: null, why: "no forge is here" });
  return { tell: nobody, check: nobody };
}

function silentLog(): Log {
  return { info: () => {}, warn: () => {}, error: () => {} };
}

export interface TestServer {
  readonly ports: ServerPorts;
  readonly settings: ServerSettings;
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
}

export interface RequestOptions {
  /** Text and bytes go as they are; anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The other end of the socket. */
  readonly remoteAddress?: string;
}

export function newTestServer(
  db: Db,
  settings: Partial<ServerSettings> = {},
  ports = newTestPorts(db),
): TestServer {
  const all = { ...TEST_SETTINGS, ...settings };
  const app = createApp(ports, all);
  return {
    ports,
    settings: all,
    request: async (method, path, { body, headers, remoteAddress } = {}) =>
      await app.fetch(
        new Request(`http://localhost${path}`, {
          method,
          headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
          ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
        }),
        { remoteAddress },
      ),
  };
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" || body instanceof Uint8Array;
}

/** One test for each kind of database, with a control plane of its own. */
export function onEveryServer(
  name: string,
  test: (server: TestServer) => Promise<void>,
  settings: Partial<ServerSettings> = {},
): void {
  for (const kind of DATABASE_KINDS) {
    Deno.test(`${name} (${kind})`, async () => {
      await using database = await openTestDatabase(kind);
      await test(newTestServer(database.db, settings));
    });
  }
}

/** The JSON object of an answer that has the wanted status. */
export async function bodyOf(response: Response, status = 200): Promise<Record<string, unknown>> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const value: unknown = text === "" ? {} : JSON.parse(text);
  assert.ok(typeof value === "object" && value !== null);
  return { ...value };
}
