/** The operator's key changes, and nothing that it sealed is lost (7.6). */
import assert from "node:assert/strict";
import { connectEndpoint, createEndpoint, rotateEndpoint } from "../../../src/server/access/webhooks.ts";
import { type Key, type Keyring, readKeys } from "../../../src/server/secrets/keyring.ts";
import { missingKeys, rewrapSome } from "../../../src/server/secrets/rotation.ts";
import {
  isInEnvelope,
  open,
  purposeOfConnection,
  purposeOfSecret,
  rewrap,
  seal,
} from "../../../src/server/secrets/seal.ts";
import { type EndpointRow, listEndpoints } from "../../../src/server/store/endpoints.ts";
import { countByKey, type SealedPlace } from "../../../src/server/store/sealed.ts";
import { currentValues } from "../../../src/server/store/secrets.ts";
import { addRunner, claimNow, onEveryDatabase, queueRun, STARTED, tell } from "../../support/dispatch.ts";
import { bodyOf, newTestPorts, newTestServer, onEveryServer } from "../../support/server.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const key = (id: string): Key => ({ id, bytes: crypto.getRandomValues(new Uint8Array(32)) });
const [OLD, NEW, OTHER] = [key("2025"), key("2026"), key("other")];

Deno.test("SC-02 the first key seals; any that is given opens", async () => {
  const sealed = await seal([OLD], "secret a version 1", "value", random);
  assert.equal(await open([NEW, OLD], "secret a version 1", sealed), "value");
  assert.equal(await open([NEW], "secret a version 1", sealed), null);
  assert.equal(
    await open([{ ...NEW, id: OLD.id }], "secret a version 1", sealed),
    null,
    "another key, same id",
  );
  assert.equal(await open([OLD], "secret b version 1", sealed), null, "SC-01 it is bound to its place");
  for (let at = 0; at < sealed.length; at++) {
    const damaged = sealed.with(at, (sealed[at] ?? 0) ^ 1);
    assert.equal(await open([OLD], "secret a version 1", damaged), null, `damaged at ${at}`);
  }
});

Deno.test("SC-01 a value is opened as it was sealed, whatever it begins with", async () => {
  const value = "\ufeffvalue";
  assert.equal(
    await open([OLD], "secret a version 1", await seal([OLD], "secret a version 1", value, random)),
    value,
  );
});

Deno.test("SC-03 what is moved to another key is not sealed anew, and is open to that one alone", async () => {
  const sealed = await seal([OLD], "webhook a", "value", random);
  const moved = await rewrap([NEW, OLD], "webhook a", sealed, random);
  assert.ok(moved);
  assert.equal(await open([NEW], "webhook a", moved), "value");
  assert.equal(await open([OLD], "webhook a", moved), null);
  assert.deepEqual(moved.slice(-33), sealed.slice(-33), "iv, value and tag are the same bytes");
  assert.equal(await rewrap([NEW], "webhook a", sealed, random), null);
});

/** As versions before envelopes did. */
async function sealPlain(master: Key, purpose: string, text: string): Promise<Uint8Array> {
  const utf8 = (part: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(part);
  const base = await crypto.subtle.importKey("raw", master.bytes, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8("dagu-edge seal") };
  const aes = await crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const iv = new Uint8Array(random(12));
  const sealing = { name: "AES-GCM", iv, additionalData: utf8(purpose) };
  return new Uint8Array([...iv, ...new Uint8Array(await crypto.subtle.encrypt(sealing, aes, utf8(text)))]);
}

Deno.test("SC-01 what an earlier version sealed without an envelope opens, and is put into one", async () => {
  const sealed = await sealPlain(OLD, "endpoint a", "value");
  assert.equal(isInEnvelope(sealed), false);
  assert.equal(await open([NEW, OLD], "endpoint a", sealed), "value");
  const moved = await rewrap([NEW, OLD], "endpoint a", sealed, random);
  assert.ok(moved !== null && isInEnvelope(moved));
  assert.equal(await open([NEW], "endpoint a", moved), "value");
});

const base64 = (length: number): string => new Uint8Array(length).fill(1).toBase64();
const WRITTEN: readonly [name: string, text: string, ids: readonly string[] | null][] = [
  ["one without an id is named by its digest", base64(32), ["k-72cd6e84"]],
  ["several, with ids and without", `b:${base64(32)}, ${new Uint8Array(32).toBase64()}`, ["b", "k-66687aad"]],
  ["too short a key", base64(31), null],
  ["a passphrase", "correct horse battery staple", null],
  ["one id twice", `a:${base64(32)},a:${base64(32)}`, null],
  ["an id with blanks", `a b:${base64(32)}`, null],
  ["an empty place in the list", `${base64(32)},`, null],
];
for (const [name, text, ids] of WRITTEN) {
  Deno.test(`SC-02 DAGU_ENCRYPTION_KEYS: ${name}`, () => {
    assert.deepEqual(readKeys(text)?.map(({ id }) => id) ?? null, ids);
  });
}

onEveryDatabase("SC-03 every secret, of whatever kind, is moved, beside writers", async (given) => {
  const bench = { ...given, settings: { ...given.settings, keys: [OLD] satisfies Keyring } };
  const { ports } = bench;
  const before = newTestServer(ports.db, bench.settings, ports);
  for (let n = 0; n < 120; n++) {
    await bodyOf(
      await before.request("POST", "/api/v1/secrets", { body: { ref: `s/${n}`, value: `value-${n}` } }),
      201,
    );
  }
  const request = { kind: "github", name: "hook", repos: ["*"], forkPolicy: "ignore", secret: null } as const;
  await createEndpoint(ports, bench.settings, request);
  await rotateEndpoint(ports, bench.settings, "hook");
  await connectEndpoint(ports, bench.settings, "hook", { token: "api-token", context: "" });
  assert.deepEqual([...await countByKey(ports.db)], [["2025", 123]]);

  const settings = { ...bench.settings, keys: [NEW, OLD] satisfies Keyring };
  const after = newTestServer(ports.db, settings, ports);
  const written = after.request("POST", "/api/v1/secrets", { body: { ref: "late", value: "late-value" } });
  const moves = await Promise.all([1, 2].map(async () => {
    let moved = 0;
    let place: SealedPlace | null = null;
    do {
      const done = await rewrapSome(ports, settings, place);
      assert.equal(done.unreadable, 0);
      moved += done.moved;
      place = done.next;
    } while (place !== null);
    return moved;
  }));
  await bodyOf(await written, 201);
  assert.equal(moves.reduce((sum, moved) => sum + moved, 0), 123, "each once, also by two at once");
  assert.deepEqual([...await countByKey(ports.db)], [["2026", 124]]);
  const [{ id, apiToken }] = await listEndpoints(ports.db) as [EndpointRow];
  assert.ok(apiToken);
  assert.equal(await open([NEW], purposeOfConnection(id), apiToken), "api-token");
  for (const [ref, value] of [["s/0", "value-0"], ["s/119", "value-119"], ["late", "late-value"]] as const) {
    const [current] = await currentValues(ports.db, [ref]);
    assert.ok(current);
    const purpose = purposeOfSecret(current.secretId, current.version);
    assert.equal(await open([NEW], purpose, current.sealed), value);
  }
});

onEveryServer("SC-03 a key that something is sealed under is missed when it is gone", async (given) => {
  const { db } = given.ports;
  const server = newTestServer(db, { keys: [OLD] }, newTestPorts(db));
  await bodyOf(
    await server.request("POST", "/api/v1/secrets", { body: { ref: "a", value: "value-a" } }),
    201,
  );
  assert.deepEqual(await missingKeys(db, { keys: [OLD] }), []);
  assert.deepEqual(await missingKeys(db, { keys: [NEW, OLD] }), []);
  assert.deepEqual(await missingKeys(db, { keys: [NEW, OTHER] }), ["2025"]);
  const wrong = newTestServer(db, { keys: [NEW] }, newTestPorts(db));
  assert.equal((await wrong.request("GET", "/readyz")).status, 503);
  assert.equal((await server.request("GET", "/readyz")).status, 200);
  const { keys } = await bodyOf(await wrong.request("GET", "/api/v1/encryption-keys"));
  assert.deepEqual(keys, [
    { id: "2026", isFirst: true, isKnown: true, values: 0 },
    { id: "2025", isFirst: false, isKnown: false, values: 1 },
  ]);
  const rewrapped = await bodyOf(await wrong.request("POST", "/api/v1/encryption-keys/rewrap", { body: {} }));
  assert.deepEqual(rewrapped, { moved: 0, unreadable: 1, next: null });
});

onEveryDatabase("SC-03 attempts that began under the old key go on under the new one", async (given) => {
  const old = { ...given, settings: { ...given.settings, keys: [OLD] satisfies Keyring } };
  await queueRun(old);
  const runner = await addRunner(old);
  const claimId = old.ports.ids.uuid();
  const [before] = (await claimNow(old, runner, { claimId })).attempts;
  const both = { ...old, settings: { ...old.settings, keys: [NEW, OLD] satisfies Keyring } };
  const [same] = (await claimNow(both, runner, { claimId })).attempts;
  assert.equal(same?.attemptToken, before?.attemptToken);
  const only = { ...old, settings: { ...old.settings, keys: [NEW] satisfies Keyring } };
  const [another] = (await claimNow(only, runner, { claimId })).attempts;
  assert.ok(another);
  assert.notEqual(another.attemptToken, before?.attemptToken);
  assert.ok((await tell(only, runner, another, 1, [STARTED])).ok, "its runner asked for it, and may use it");
});
