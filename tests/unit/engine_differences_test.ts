/**
 * 1.3.6: where Docker and Podman differ (Annex A of the containers contract) the same file has the same result. Each row has a
 * test that shows it on the engines, or says why nothing of it can be seen from a workflow.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("../", import.meta.url));
const INTEGRATION = "integration/containers";
const ACCEPTANCE = "acceptance/containers";

/** Topic of the annex; a test's file and words of its title, or why there is none. */
const ROWS: readonly (readonly [topic: string, file: string, words: string] | readonly [string, string])[] = [
  ["identity", `${ACCEPTANCE}/selection_test.ts`, "1.2.2 Podman's socket in docker mode"],
  ["version prefix in the URL", `${INTEGRATION}/doctor_test.ts`, "F08"],
  ["error status", "unit/runner/containers/diagnose_test.ts", "6.2.1 by its words, whatever the status"],
  ["Architecture in /info", `${INTEGRATION}/fake_engine_test.ts`, "1.5.3 6.4.2"],
  ["/info limit flags", `${ACCEPTANCE}/fields_test.ts`, "2.2.4 limits that an engine drops are told"],
  ["image list filter reference", `${ACCEPTANCE}/docker_run_test.ts`, "AC-86 6.1.2"],
  ["pull failure", `${INTEGRATION}/pull_test.ts`, "F21 what the registry does not have"],
  ["bare auth in the registry header", `${ACCEPTANCE}/registry_test.ts`, "a pre-encoded auth"],
  ["empty Entrypoint list", `${ACCEPTANCE}/harness_rules_test.ts`, "2.10.1 an image's entrypoint"],
  ["missing source in Binds", `${ACCEPTANCE}/fields_test.ts`, "AC-50"],
  [
    "missing source in a bind Mount",
    "mounts of `container:` are always binds, whose sources are looked at before",
  ],
  ["missing WorkingDir", `${ACCEPTANCE}/fields_test.ts`, "AC-45 working_dir is created"],
  ["unknown network", `${ACCEPTANCE}/fields_test.ts`, "AC-55 an unknown network"],
  ["platform mismatch at create", `${INTEGRATION}/step_container_test.ts`, "6.4.3 F25"],
  ["program missing at start", `${ACCEPTANCE}/text_test.ts`, "AC-44 OD-10"],
  ["program missing in exec", `${INTEGRATION}/root_container_test.ts`, "AC-44 F38 F39 F40 F37"],
  ["exec with unknown user", `${INTEGRATION}/root_container_test.ts`, "AC-44 F38 F39 F40 F37"],
  ["exec on a stopped container", `${INTEGRATION}/root_container_test.ts`, "3.9.2 3.4.1 F61"],
  ["kill of a stopped container", `${ACCEPTANCE}/life_rules_test.ts`, "3.8.2 3.9.3"],
  ["name conflict", `${INTEGRATION}/failure_table_test.ts`, "F36 a name that is taken"],
  ["wait on a created container", `${ACCEPTANCE}/life_rules_test.ts`, "4.1.3 4.1.1"],
  ["container removed during wait", `${ACCEPTANCE}/shared_test.ts`, "AC-77"],
  ["exec inspect after container removal", `${ACCEPTANCE}/shared_test.ts`, "AC-73"],
  ["wait with restart policy always", `${ACCEPTANCE}/failure_rows_test.ts`, "F75"],
  ["OOMKilled", `${ACCEPTANCE}/fields_test.ts`, "AC-57"],
  ["health without systemd", `${ACCEPTANCE}/shared_test.ts`, "AC-67"],
  ["health object without healthcheck", `${ACCEPTANCE}/shared_test.ts`, "AC-68"],
  ["log timestamps", "they are not asked for: bytes are counted"],
  ["since", "it is not asked for: bytes are counted"],
  ["pause", "nothing pauses a container"],
  ["limits, rootless + cgroup v1", `${ACCEPTANCE}/fields_test.ts`, "drops limits on cgroup v1"],
  ["userns: keep-id", `${INTEGRATION}/abilities_test.ts`, "keep-id"],
  [
    "extra environment in containers",
    "Podman's own `container` and `TERM` cannot be taken away by its compatible API",
  ],
  ["bind ownership, rootless", `${INTEGRATION}/abilities_test.ts`, "B27"],
  ["API service killed", `${INTEGRATION}/fault_test.ts`, "AC-79 F62 F65"],
  ["attach connection dropped", `${INTEGRATION}/fault_test.ts`, "F64 an exec whose line was cut"],
  ["anonymous volumes on force-remove", `${ACCEPTANCE}/docker_run_test.ts`, "3.8.3 anonymous volumes"],
  [
    "SIGTERM to a PID 1 without handler",
    `${INTEGRATION}/step_container_test.ts`,
    "4.8.2 4.8.3 a cancelled sleep",
  ],
];
const ANNEX_ROWS = 38;

Deno.test("1.3.6 every difference of the engines that is known has a test, or cannot be seen", async () => {
  assert.equal(new Set(ROWS.map(([topic]) => topic)).size, ANNEX_ROWS);
  for (const [topic, file, words] of ROWS) {
    if (words === undefined) continue;
    const text = await Deno.readTextFile(join(TESTS, file));
    assert.ok(text.includes(words), `${topic}: ${file} has no ${words}`);
  }
});
