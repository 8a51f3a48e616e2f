/** What `--help` prints. */
import type { Command, Option } from "./command.ts";

export function generalHelp(commands: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  const lines = Object.entries(commands).map(([name, summary]) => `  ${name.padEnd(width)}${summary}`);
  return `dagu: workflows in sandboxes, driven by events

Usage: dagu COMMAND [OPTIONS]

Commands
${lines.join("\n")}

Every command takes --dagu-home DIR and --quiet, and tells more with --help. State is kept below $DAGU_HOME (default: ~/.dagu-edge).`;
}

/** `shared`: options of every command, which stand behind its own. */
export function commandHelp(command: Command, shared: Readonly<Record<string, Option>>): string {
  const rows = Object.entries({ ...command.options, ...shared }).map(([name, option]) => {
    const short = option.short === undefined ? "    " : `-${option.short}, `;
    return [
      `  ${short}--${name}${option.type === "string" ? ` ${option.value ?? "TEXT"}` : ""}`,
      option.help,
    ] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return `dagu ${command.usage}

${command.summary}

Options
${rows.map(([left, right]) => left.padEnd(width) + right).join("\n")}`;
}
