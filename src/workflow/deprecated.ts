/** Older spellings of a step, said in today's words (workflow-language contract 1.5). Works on what YAML gave, before any schema. */
import { isGiven, isMapping, withoutNulls } from "./json.ts";
import { own } from "./own.ts";

export interface Modernized {
  readonly step: Readonly<Record<string, unknown>>;
  /** Fields in an older spelling, each with what to write instead. */
  readonly deprecated: readonly { readonly field: string; readonly use: string }[];
  /** Two ways of saying what the step does; null: one. */
  readonly conflict: string | null;
}

/** Older fields of a step, each with what to write instead. */
export const REPLACEMENTS: Readonly<Record<string, string>> = {
  command: "use run",
  script: "use run",
  exec: "use action: exec",
  call: "use action: dag.run with with.dag",
  params: "use action: dag.run with with.params",
  config: "use with",
  llm: "use action: chat.completion",
  messages: "use action: chat.completion",
  routes: "use action: router.route",
  value: "use action: router.route",
  shell: "use run with with.shell",
  shell_args: "use run with with.shell_args",
  shell_packages: "use run with with.shell_packages",
  type: "use action",
};

/** The action that an executor type of old has become, and the key that took the place of `command` or `script`. */
const TYPES: Readonly<Record<string, { readonly action: string; readonly text: string | null }>> = {
  docker: { action: "docker.run", text: "command" },
  container: { action: "container.run", text: "command" },
  ssh: { action: "ssh.run", text: "command" },
  http: { action: "http.request", text: null },
  jq: { action: "jq.filter", text: "filter" },
  mail: { action: "mail.send", text: null },
  harness: { action: "harness.run", text: "prompt" },
  template: { action: "template.render", text: "template" },
  log: { action: "log.write", text: "message" },
  noop: { action: "noop", text: null },
  postgres: { action: "postgres.query", text: "query" },
  sqlite: { action: "sqlite.query", text: "query" },
  chat: { action: "chat.completion", text: "prompt" },
  router: { action: "router.route", text: null },
  dag: { action: "dag.run", text: null },
  subworkflow: { action: "dag.run", text: null },
};

export function modernize(asWritten: Readonly<Record<string, unknown>>): Modernized {
  const given = withoutNulls(asWritten);
  const written = Object.keys(given);
  const old = written.filter((key) => Object.hasOwn(REPLACEMENTS, key));
  const kind = ["run", "action"].find((key) => written.includes(key));
  if (kind !== undefined) {
    const conflict = old[0] === undefined ? null : `${kind} cannot be used together with ${old[0]}`;
    return { step: without(given, old), deprecated: [], conflict };
  }
  const told = [
    ...old.map((field) => ({ field, use: own(REPLACEMENTS, field) ?? "" })),
    ...(written.includes("with") ? [{ field: "with", use: "use action with with" }] : []),
  ];
  if (old.length === 0) return { step: given, deprecated: told, conflict: null };
  const { form, reads } = formOf(given);
  const deprecated = told.map(({ field, use }) => (
    { field, use: reads.includes(field) ? use : `${use}; it has no effect beside ${form}` }
  ));
  const isRead = isReadByCommand(given) && typedText(given) === null;
  const conflict = isRead && old.includes("shell")
    ? "command and script cannot be used together with shell"
    : null;
  return { step: { ...without(given, old), ...workOf(given) }, deprecated, conflict };
}

const SHELL_KEYS = ["shell", "shell_args", "shell_packages"];

/** What says how the step works, and all the fields of which `workOf` makes its work: any other has no effect. */
function formOf(
  given: Readonly<Record<string, unknown>>,
): { readonly form: string; readonly reads: readonly string[] } {
  const { exec, type } = given;
  const options = ["config", "with"];
  const has = (key: string): boolean => given[key] !== undefined;
  const ofType = (...types: readonly string[]): string[] => types.some((one) => one === type) ? ["type"] : [];
  if (has("exec")) return { form: "exec", reads: ["exec", ...(isMapping(exec) ? [] : options)] };
  if (has("call")) return { form: "call", reads: ["call", "params", ...ofType("dag", "subworkflow")] };
  const chat = ["messages", "llm"].find(has);
  if (chat !== undefined) return { form: chat, reads: ["messages", "llm", ...options, ...ofType("chat")] };
  const router = ["routes", "value"].find(has);
  if (router !== undefined) return { form: router, reads: ["routes", "value", ...ofType("router")] };
  const form = `type: ${String(type)}`;
  const told = commandWork(given);
  if (told !== null) {
    return { form, reads: ["type", "command", ...options, ...(type === "http" ? ["script"] : [])] };
  }
  const typed = typedText(given);
  if (typed === null) {
    return {
      form: ["command", "script"].find(has) ?? "shell",
      reads: ["type", "command", "script", ...SHELL_KEYS, ...options],
    };
  }
  // Nothing is lost of a step that is meant to do nothing.
  if (typed.action === "noop") return { form, reads: [...Object.keys(REPLACEMENTS), "with"] };
  const texts = ["command", "script"];
  const text = typed.action === "jq.filter" ? texts : texts.filter(has).slice(0, 1);
  return { form, reads: ["type", ...options, ...(typed.text === null ? [] : text)] };
}

function workOf(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { command, script, exec, call, params, config, llm, messages, routes, value } = given;
  const options = { ...asMapping(config), ...asMapping(given["with"]) };
  if (exec !== undefined) {
    return { action: "exec", with: isMapping(exec) ? exec : { command: exec, ...options } };
  }
  if (call !== undefined) {
    return { action: "dag.run", with: { dag: call, ...(params === undefined ? {} : { params }) } };
  }
  if (messages !== undefined || llm !== undefined) {
    return {
      action: "chat.completion",
      with: { ...asMapping(llm), ...(messages === undefined ? {} : { messages }), ...options },
    };
  }
  if (routes !== undefined || value !== undefined) {
    return {
      action: "router.route",
      with: { ...(value === undefined ? {} : { value }), ...(routes === undefined ? {} : { routes }) },
    };
  }
  const told = commandWork(given);
  if (told !== null) return { action: told.action, with: { ...options, ...told.with } };
  const typed = typedText(given);
  if (typed !== null) {
    const text = command ?? script;
    const input = typed.text === null || text === undefined ? {} : { [typed.text]: text };
    const extra = typed.action === "jq.filter" && script !== undefined && command !== undefined
      ? { data: script }
      : {};
    return { action: typed.action, with: { ...options, ...input, ...extra } };
  }
  const shell = Object.fromEntries(
    SHELL_KEYS.flatMap((key) => given[key] === undefined ? [] : [[key, given[key]]]),
  );
  const inputs = { ...options, ...shell, ...(isReadByCommand(given) ? { shell: command } : {}) };
  const run = isReadByCommand(given) ? asScript(script) : command ?? script;
  return {
    ...(run === undefined ? {} : { run }),
    ...(Object.keys(inputs).length === 0 ? {} : { with: inputs }),
  };
}

/** Types whose `command` is no text of its own: `GET https://HOST/PATH`, or which of the type's actions is meant. */
function commandWork(
  { type, command, script }: Readonly<Record<string, unknown>>,
): { action: string; with: Record<string, unknown> } | null {
  if (typeof command !== "string") return null;
  if (type === "archive" || type === "s3") return { action: `${type}.${command.trim()}`, with: {} };
  if (type !== "http") return null;
  const [, method = "GET", url = ""] = /^(?:([A-Za-z]+)\s+)?(.*)$/s.exec(command.trim()) ?? [];
  return { action: "http.request", with: { method, url, ...(isGiven(script) ? { body: script } : {}) } };
}

/** The command is what reads the script, as in `command: python3` with `script: print(1)`. */
function isReadByCommand({ command, script }: Readonly<Record<string, unknown>>): boolean {
  return isGiven(command) && isGiven(script);
}

/** A text of one line is a script too: it goes into a file (4.4). */
function asScript(text: unknown): unknown {
  return typeof text === "string" && !text.includes("\n") ? `${text}\n` : text;
}

/** null: a plain command. A type that nobody knows is left to be an unknown action. */
function typedText(given: Readonly<Record<string, unknown>>): { action: string; text: string | null } | null {
  const { type } = given;
  if (typeof type !== "string" || ["", "command", "shell"].includes(type)) return null;
  return own(TYPES, type) ?? { action: type, text: "command" };
}

function asMapping(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? value : {};
}

function without(
  given: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([key]) => !keys.includes(key)));
}
