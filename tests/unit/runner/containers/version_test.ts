import assert from "node:assert/strict";
import { pickVersion, readIdentity } from "../../../../src/runner/containers/api/version.ts";

const DOCKER = { "api-version": "1.41", server: "Docker/20.10.24+dfsg1 (linux)" };
const PODMAN = { "api-version": "1.41", "libpod-api-version": "4.3.1", server: "Libpod/4.3.1 (linux)" };

Deno.test("1.2.2 an engine is known by its answers", () => {
  assert.deepEqual(readIdentity(DOCKER), {
    apiVersion: "1.41",
    isPodman: false,
    engineVersion: "20.10.24+dfsg1",
  });
  assert.deepEqual(readIdentity(PODMAN), { apiVersion: "1.41", isPodman: true, engineVersion: "4.3.1" });
  assert.equal(readIdentity({ server: "nginx" }), null);
  assert.equal(readIdentity({ "api-version": "<html>" }), null);
});

const cases: [name: string, engine: string, pinned: string | null, want: string | null][] = [
  ["1.5.1 the engine's own when it is the lower", "1.41", null, "1.41"],
  ["1.5.1 ours when the engine is newer", "1.99", null, "1.47"],
  ["1.5.1 versions are numbers, not decimals", "1.9", null, null],
  ["1.5.2 below the floor is refused", "1.40", null, null],
  ["1.1 a pin disables negotiation", "1.41", "1.43", "1.43"],
];
for (const [name, engine, pinned, want] of cases) {
  Deno.test(name, () => {
    const picked = pickVersion({ apiVersion: engine, isPodman: false, engineVersion: "" }, pinned);
    assert.equal(picked.ok ? picked.value.apiVersion : null, want);
    if (!picked.ok) assert.match(picked.error.message, new RegExp(`${engine}.*1\\.41`));
  });
}
