/** The units of infra/systemd, as far as they say what the product relies on. */
import assert from "node:assert/strict";
import { CONFIGURATION_ERROR } from "../../src/cli/runner-policy.ts";

const unit = (name: string): string =>
  Deno.readTextFileSync(new URL(`../../infra/systemd/dagu-${name}.service`, import.meta.url));

for (const name of ["server", "worker"]) {
  Deno.test(`RS-03 dagu-${name} is started again for as long as what it needs is away`, () => {
    const [head = "", service = ""] = unit(name).split("[Service]");
    // Five failed starts within ten seconds are the end of a unit that says nothing else.
    assert.match(head, /^StartLimitIntervalSec=0$/m);
    assert.match(service, /^Restart=always$/m);
    assert.match(service, /^RestartSec=[1-9]/m);
  });
}

Deno.test("5.11 a copy of a runner's folder is not started again, to take the runs of the other away", () => {
  assert.match(unit("worker"), new RegExp(`^RestartPreventExitStatus=${CONFIGURATION_ERROR}$`, "m"));
});
