/** A registry that wants a login (containers contract 6.5). */
import assert from "node:assert/strict";
import { required } from "../../support/engines.ts";
import { onEngines } from "./scene.ts";

const [registry, user, password] = ["REGISTRY_PRIVATE", "REGISTRY_USER", "REGISTRY_PASSWORD"].map(required);
const image = `${registry}/private/alpine:3.20`;
const encoded = new TextEncoder().encode(`${user}:${password}`).toBase64();

const FORMS: readonly (readonly [form: string, yaml: string])[] = [
  ["user name and password, by reference", `{"${registry}": {username: ${user}, password: "\${env.LOGIN}"}}`],
  ["a pre-encoded auth", `{"${registry}": {auth: ${encoded}}}`],
  ["base64 as text", `{"${registry}": ${encoded}}`],
  ["an account as JSON text", `{"${registry}": '{"username": "${user}", "password": "${password}"}'}`],
  ["a whole Docker config", `'{"auths": {"https://${registry}": {"auth": "${encoded}"}}}'`],
];
for (const [form, auths] of FORMS) {
  onEngines(`6.5.4 6.5.8 registry_auths: ${form}`, {
    yaml: `env: [{LOGIN: ${password}}]
registry_auths: ${auths}
steps: [{id: a, container: {image: "${image}", pull_policy: always}, run: "echo in; env"}]
`,
    pulls: true,
    stdout: { a: /^in\n/ },
    check: (end) =>
      assert.doesNotMatch(end.stdout("a") + JSON.stringify(end.state), new RegExp(`${password}|${encoded}`)),
  });
}

onEngines("6.5 F22 refused credentials are named by their source, and not shown", {
  yaml: `registry_auths: {"${registry}": {username: ${user}, password: not-the-password}}
container: {image: "${image}", pull_policy: always}
steps: [{id: a, run: "true"}]
`,
  pulls: true,
  status: "failed",
  steps: { a: "not_started" },
  check: (end) => {
    assert.equal(end.state.failure?.code, "IMAGE_AUTH_FAILED");
    assert.match(end.state.failure?.message ?? "", /registry_auths of the workflow/);
    assert.doesNotMatch(JSON.stringify(end.state), /not-the-password/);
  },
});

onEngines("6.5.1 a login that cannot be resolved fails the run before anything starts", {
  yaml: `registry_auths: {"${registry}": {username: me, password: "\${params.NOT_GIVEN}"}}
steps: [{id: a, container: {image: "alpine:3.20"}, run: "true"}]
`,
  status: "failed",
  steps: { a: "not_started" },
  created: 0,
});
