/** `container.shell` around a command's text (containers contract 2.12). */
import { splitWords } from "../../workflow/words.ts";

/** Stops a script at its first failing command; every image with a shell has this one. */
export const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-e", "-c"];

/**
 * The text is one last argument, unchanged; the shell's command flag is added when it is missing. With `["direct"]` there
 * is no shell: the words of the text are the command, and operators are ordinary words. Text whose quotes do not close
 * is one word then, which fails as a missing program instead of running something else.
 */
export function shellArgv(shell: readonly string[] | null, text: string): string[] {
  const [program = "/bin/sh", ...args] = shell ?? DEFAULT_SHELL;
  if (isDirect(shell)) {
    const split = splitWords(text);
    return split.ok ? [...split.words] : [text];
  }
  const flag = commandFlag(program);
  return args.includes(flag) ? [program, ...args, text] : [program, ...args, flag, text];
}

function commandFlag(program: string): string {
  const name = (program.split(/[/\\]/).at(-1) ?? program).toLowerCase().replace(/\.exe$/, "");
  if (name === "powershell" || name === "pwsh") return "-Command";
  if (name === "cmd") return "/c";
  return name === "nix-shell" ? "--run" : "-c";
}

/** A text that is too long for an argument, or names its interpreter, is a file of the container (4.4.2, 4.4.3). */
export interface ScriptFile {
  readonly path: string;
  readonly text: string;
}

export interface ShellCommand {
  readonly argv: readonly string[];
  /** To be put into the container before `argv` runs there. */
  readonly file: ScriptFile | null;
}

/** What one argument may have on Linux, in bytes, without its end. */
const ARGUMENT_MAX = 131_071;

/** `path`: where in the container its file would be. */
export function shellCommand(shell: readonly string[] | null, text: string, path: string): ShellCommand {
  const file = { path, text };
  const interpreter = shell === null ? interpreterOf(text) : [];
  if (interpreter.length > 0) return { argv: [...interpreter, path], file };
  const isLong = new TextEncoder().encode(text).length > ARGUMENT_MAX;
  if (!isLong || isDirect(shell)) return { argv: shellArgv(shell, text), file: null };
  return { argv: fileArgv(shell ?? DEFAULT_SHELL, path), file };
}

export function isDirect(shell: readonly string[] | null): boolean {
  return shell !== null && shell.length === 1 && shell[0] === "direct";
}

/** Words behind `#!`; none: the text does not begin so. */
function interpreterOf(text: string): readonly string[] {
  if (!text.startsWith("#!")) return [];
  const [line = ""] = text.slice(2).split(/\r?\n/, 1);
  const split = splitWords(line);
  return split.ok ? split.words : [];
}

function fileArgv(shell: readonly string[], path: string): string[] {
  const [program = "/bin/sh", ...args] = shell;
  const flag = commandFlag(program);
  const others = args.filter((arg) => arg !== flag);
  if (flag === "-c") return [program, ...others, path];
  return [program, ...others, flag === "-Command" ? "-File" : flag, path];
}
