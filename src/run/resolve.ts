/** Replaces the references in what an author wrote, field by field as the matrix says (workflow-language contract 2.6). */
import { readBoolean } from "../workflow/boolean.ts";
import { mapContainerTexts } from "../workflow/container.ts";
import { convertFlag, harnessTries } from "../workflow/harness.ts";
import { resolveEnv } from "../workflow/inputs.ts";
import { NAMED_ACTIONS } from "../workflow/actions/names.ts";
import { readCall } from "../workflow/named-action.ts";
import { listReferences, resolveText, type Scope, type Unqualified } from "../workflow/reference.ts";
import type {
  Container,
  DockerRun,
  FlagValue,
  HarnessConfig,
  NamedStepAction,
  NamedText,
  RegistryAuths,
  RegistryLogin,
  Step,
  Workflow,
} from "../workflow/workflow.ts";
import type { Failure } from "./failure.ts";
import type { ResolvedAction, RunScope } from "./ports.ts";

/** The root fields that all steps share (2.13.2: resolved once, before any step). */
export function resolveRunScope(workflow: Workflow, scope: Scope): RunScope {
  return {
    container: workflow.container === null ? null : resolveContainer(workflow.container, scope),
    resources: workflow.resources,
    registryAuths: workflow.registryAuths === null
      ? null
      : resolveRegistryAuths(workflow.registryAuths, scope),
    harnesses: workflow.harnesses,
    shell: workflow.shell === null ? null : resolveAll(workflow.shell, scope),
    workingDir: workflow.workingDir === null ? null : resolveText(workflow.workingDir, scope, "scope"),
    graceMs: workflow.maxCleanUpTimeSec * 1000,
    defaults: Object.fromEntries(
      Object.entries(workflow.defaults).map(([family, given]) => [family, resolveTree(given, scope)]),
    ),
  };
}

function resolveRegistryAuths(auths: RegistryAuths, scope: Scope): RegistryAuths {
  const text = (value: string): string => resolveText(value, scope, "scope");
  if (auths.kind === "config") return { kind: "config", text: text(auths.text) };
  const resolveLogin = (login: RegistryLogin): RegistryLogin =>
    typeof login === "string"
      ? text(login)
      : { username: text(login.username), password: text(login.password), auth: text(login.auth) };
  return {
    kind: "hosts",
    logins: Object.fromEntries(
      Object.entries(auths.logins).map(([host, login]) => [host, resolveLogin(login)]),
    ),
  };
}

/** The first reference in `registry_auths` that has no value: a run without its credentials is not begun (6.5.1). */
export function unknownCredential({ registryAuths }: Workflow, scope: Scope): string | null {
  if (registryAuths === null) return null;
  const texts = registryAuths.kind === "config"
    ? [registryAuths.text]
    : Object.values(registryAuths.logins).flatMap((login) =>
      typeof login === "string" ? [login] : Object.values(login)
    );
  const unknown = texts.flatMap((text) => listReferences(text)).find(({ token }) =>
    token.startsWith("${") && resolveText(token, scope, "scope") === token
  );
  return unknown?.token ?? null;
}

/** Everything in it but the fields that stay literal (2.13). */
export function resolveContainer(container: Container, outer: Scope): Container {
  const scope = withoutHost(outer);
  return {
    ...mapContainerTexts(container, (text) => resolveText(text, scope, "scope")),
    env: namedTexts(resolveEnv(container.env, scope, "scope")),
  };
}

/** The step's action with every reference replaced, or why that cannot be used. `selected` is the container it will run in. */
export function resolveAction(
  step: Step,
  workflow: Workflow,
  selected: Container | null,
  scope: Scope,
): ResolvedAction | Failure {
  const action = step.action;
  switch (action.name) {
    case "dag.run":
    case "dag.enqueue":
    case "foreach":
    case "human.task":
      throw new Error(`${action.name} is the run core's own work`);
    case "container":
      return action;
    case "run": {
      const texts = selected === null
        ? action.texts.map((text) => resolveText(text, scope, "shell"))
        : action.texts.map((text) => resolveContainerCommand(text, selected, scope));
      const broken = selected === null && action.form !== "script" &&
        texts.some((text) => text.includes("\n"));
      if (broken) {
        return invalid(
          "the resolved command text has a line break",
          "write the command as a script (a block with `|`), or keep line breaks out of the values",
        );
      }
      return {
        ...action,
        texts,
        shell: action.shell === null ? null : resolveAll(action.shell, scope),
        shellArgs: resolveAll(action.shellArgs, scope),
      };
    }
    case "docker.run":
      return resolveDockerRun(action.with, withoutHost(scope));
    case "harness.run": {
      const inside = withoutHost(scope);
      const tries = harnessTries(action.with, workflow.harness, workflow.harnesses)
        .map((config) => resolveHarness(config, inside));
      return {
        name: "harness.run",
        prompt: resolveText(action.with.prompt, inside, "scope"),
        stdin: action.with.stdin === null ? null : resolveText(action.with.stdin, inside, "scope"),
        tries,
      };
    }
    default:
      return resolveNamed(action, scope);
  }
}

/** The runner's own environment reaches neither containers nor harnesses (2.5.3, 2.13.3, 7.1.1). */
function withoutHost(scope: Scope): Scope {
  return { ...scope, imported: {} };
}

function resolveNamed(action: NamedStepAction, scope: Scope): ResolvedAction | Failure {
  const { literal, unqualified } = NAMED_ACTIONS[action.name];
  const given = Object.fromEntries(
    Object.entries(action.with).map(([key, value]) => [
      key,
      literal.includes(key) ? value : resolveValue(value, scope, unqualified),
    ]),
  );
  const read = readCall(action.name, given);
  return read.ok ? read.call : invalid(`${action.name}: ${read.message}`, read.remedy);
}

/**
 * Names known in workflow scope, the container's own `env` included, are replaced; the rest is left for the shell in the
 * container (2.13.3).
 */
function resolveContainerCommand(text: string, container: Container, scope: Scope): string {
  const own = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  const isDirect = container.shell?.[0] === "direct";
  return resolveText(text, { ...withoutHost(scope), env: { ...scope.env, ...own } }, "scope", {
    unqualifiedBackslash: isDirect ? "escape" : "shell",
  });
}

function resolveDockerRun(docker: DockerRun, scope: Scope): ResolvedAction | Failure {
  const text = (value: string): string => resolveText(value, scope, "scope");
  const optional = (value: string | null): string | null => value === null ? null : text(value);
  const isRemoved = typeof docker.autoRemove === "string" ? text(docker.autoRemove) : docker.autoRemove;
  // Nothing is the default, as everywhere.
  const autoRemove = isRemoved === ""
    ? false
    : typeof isRemoved === "string"
    ? readBoolean(isRemoved)
    : isRemoved;
  if (autoRemove === null) {
    return {
      code: "SPEC_INVALID",
      message: `auto_remove must be a boolean, got "${isRemoved}"`,
      remedy: 'write true or false, or a reference whose value is "true" or "false"',
    };
  }
  return {
    name: "docker.run",
    with: {
      ...docker,
      autoRemove,
      image: optional(docker.image),
      containerName: optional(docker.containerName),
      command: docker.command === null
        ? null
        : docker.command.kind === "text"
        ? { kind: "text", text: resolveDockerText(docker.command.text, docker.shell, scope) }
        : { kind: "words", words: resolveAll(docker.command.words, scope) },
      platform: optional(docker.platform),
      workingDir: optional(docker.workingDir),
      volumes: resolveAll(docker.volumes, scope),
      shell: docker.shell === null ? null : resolveAll(docker.shell, scope),
      container: resolveTree(docker.container, scope),
      host: resolveTree(docker.host, scope),
      network: resolveTree(docker.network, scope),
      exec: resolveTree(docker.exec, scope),
    },
  };
}

/** A backslash before a name is the shell's, when one will see the text (2.13.3). */
function resolveDockerText(text: string, shell: readonly string[] | null, scope: Scope): string {
  const isSeenByShell = shell !== null && shell[0] !== "direct";
  return resolveText(text, scope, "scope", { unqualifiedBackslash: isSeenByShell ? "shell" : "escape" });
}

function resolveHarness(
  config: HarnessConfig & { readonly provider: string },
  scope: Scope,
): HarnessConfig & { readonly provider: string } {
  const text = (value: string): string => resolveText(value, scope, "scope");
  const flag = (value: FlagValue): FlagValue => {
    if (typeof value === "string") return convertFlag(text(value));
    // What is in a list stays text: that is how a literal "true" is written (7.4.4).
    return Array.isArray(value) ? value.map((item) => typeof item === "string" ? text(item) : item) : value;
  };
  const flags = Object.fromEntries(Object.entries(config.flags).map(([name, value]) => [name, flag(value)]));
  return { ...config, provider: text(config.provider), flags };
}

type Tree = Readonly<Record<string, unknown>>;

function resolveTree(tree: Tree, scope: Scope): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, resolveValue(value, scope, "scope")]),
  );
}

/** Every text in it, however deep; other values keep their kinds. */
export function resolveValue(value: unknown, scope: Scope, unqualified: Unqualified): unknown {
  if (typeof value === "string") return resolveText(value, scope, unqualified);
  if (Array.isArray(value)) return value.map((item) => resolveValue(item, scope, unqualified));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolveValue(item, scope, unqualified)]),
  );
}

function resolveAll(texts: readonly string[], scope: Scope): string[] {
  return texts.map((text) => resolveText(text, scope, "scope"));
}

function namedTexts(values: Readonly<Record<string, string>>): NamedText[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

function invalid(message: string, remedy: string): Failure {
  return { code: "INPUT_INVALID", message, remedy };
}
