/** Which program reads a host step's text, and with which words (S-22 to S-27). */
import { basename } from "node:path";
import { splitWords } from "../../workflow/words.ts";

const POSIX_SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "zsh", "ksh", "ash", "dash"]);

export interface ShellChoice {
  readonly words: readonly string[];
  /** From the step's `with.shell`: nothing but a missing `-c` is added, and a shebang does not count (S-23, S-27). */
  readonly isStepLevel: boolean;
}

/** The step's, else the workflow's, else the service's default, else the user's, else `sh` (S-22). `args` follow its words. */
export function chooseShell(
  step: readonly string[] | null,
  root: readonly string[] | null,
  runnerEnv: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = [],
): ShellChoice {
  const chosen = findShell(step, root, runnerEnv);
  return { ...chosen, words: [...chosen.words, ...args] };
}

function findShell(
  step: readonly string[] | null,
  root: readonly string[] | null,
  runnerEnv: Readonly<Record<string, string | undefined>>,
): ShellChoice {
  if (step !== null && step.length > 0) return { words: step, isStepLevel: true };
  if (root !== null && root.length > 0) return { words: root, isStepLevel: false };
  for (const name of ["DAGU_DEFAULT_SHELL", "SHELL"]) {
    const split = splitWords(runnerEnv[name] ?? "");
    if (split.ok && split.words.length > 0) return { words: split.words, isStepLevel: false };
  }
  return { words: ["sh"], isStepLevel: false };
}

/** `SHELL [args] -c TEXT`: one command line. */
export function commandArgv(shell: ShellChoice, text: string): string[] {
  const [program = "sh", ...args] = shell.words;
  const kind = shellKind(program);
  if (kind === "powershell") {
    return [program, ...withFlags(args, ["-NoProfile", "-NonInteractive", "-Command"]), text];
  }
  if (kind === "cmd") return [program, ...withFlags(args, ["/c"]), text];
  if (kind === "nix-shell") return [program, ...withFlags(args, ["--pure", "--run"]), text];
  const flags = kind === "posix" && !shell.isStepLevel && !args.includes("-e") ? ["-e"] : [];
  const rest = args.at(-1) === "-c" ? args.slice(0, -1) : args;
  return [program, ...flags, ...rest, "-c", text];
}

export type ScriptArgv =
  | { readonly ok: true; readonly argv: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** What reads a script file: its shebang, unless the step names a shell; otherwise the shell (S-26, S-27). */
export function scriptArgv(shell: ShellChoice, text: string, file: string): ScriptArgv {
  if (text.startsWith("#!") && !shell.isStepLevel) {
    const interpreter = splitWords(firstLine(text).slice(2));
    if (!interpreter.ok) return interpreter;
    if (interpreter.words.length > 0) return { ok: true, argv: [...interpreter.words, file] };
  }
  const [program = "sh", ...args] = shell.words;
  const refused = args.find((arg) => arg === "-c" || arg === "-s");
  if (refused !== undefined) {
    return { ok: false, message: `script form cannot be used with shell argument "${refused}"` };
  }
  const kind = shellKind(program);
  if (kind === "powershell") {
    return {
      ok: true,
      argv: [program, ...withFlags(args, ["-NoProfile", "-NonInteractive", "-File"]), file],
    };
  }
  if (kind === "cmd") return { ok: true, argv: [program, ...withFlags(args, ["/c"]), file] };
  if (kind === "nix-shell") {
    return { ok: true, argv: [program, ...withFlags(args, ["--pure", "--run"]), file] };
  }
  const flags = kind === "posix" && !shell.isStepLevel && !args.includes("-e") ? ["-e"] : [];
  return { ok: true, argv: [program, ...flags, ...args, file] };
}

/** How a script's file name must end for its reader. */
export function scriptSuffix(shell: ShellChoice): string {
  const kind = shellKind(shell.words[0] ?? "");
  return kind === "powershell" ? ".ps1" : kind === "cmd" ? ".cmd" : "";
}

type ShellKind = "posix" | "powershell" | "cmd" | "nix-shell" | "other";

function shellKind(program: string): ShellKind {
  const name = basename(program).toLowerCase().replace(/\.exe$/, "");
  if (POSIX_SHELLS.has(name)) return "posix";
  if (name === "pwsh" || name === "powershell") return "powershell";
  if (name === "cmd") return "cmd";
  return name === "nix-shell" ? "nix-shell" : "other";
}

function withFlags(args: readonly string[], flags: readonly string[]): string[] {
  const known = new Set(args.map((arg) => arg.toLowerCase()));
  return [...args, ...flags.filter((flag) => !known.has(flag.toLowerCase()))];
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}
