import assert from "node:assert/strict";
import { newSecretFiles } from "../../../src/runner/secret-files.ts";

const NOBODY = 65_534;

for (
  const [name, spoil] of [
    ["that somebody else made", (base: string) => Deno.chown(base, NOBODY, NOBODY)],
    ["that everybody may write to", (base: string) => Deno.chmod(base, 0o777)],
  ] as const
) {
  Deno.test(`B22 no secret is written below a folder ${name}`, async () => {
    const base = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "dagu-secrets-test-" });
    await using files = new AsyncDisposableStack();
    files.defer(() => Deno.remove(base, { recursive: true }));
    await Deno.chmod(base, 0o711);
    const secrets = newSecretFiles({ base, attemptId: "a", values: { KEY: "s3cret" }, owner: null });
    const opened = await secrets.open(["KEY"]);
    assert.ok(!("code" in opened), "a folder of our own");
    await opened[Symbol.asyncDispose]();
    await spoil(base);
    const refused = await secrets.open(["KEY"]);
    assert.ok("code" in refused);
    assert.match(refused.message, /is a folder that others may change/);
  });
}
