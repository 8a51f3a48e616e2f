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
  if (program === "direct" && args.length === 0) {
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
