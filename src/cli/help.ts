/** What `--help` prints. */
import type { Command, Option } from "./command.ts";

export function generalHelp(groups: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const width = Math.max(...Object.values(groups).flatMap(Object.keys).map((name) => name.length)) + 2;
  const parts = Object.entries(groups).map(([title, commands]) => {
    const lines = Object.entries(commands).map(([name, summary]) => `  ${name.padEnd(width)}${summary}`);
    return `${title}\n${lines.join("\n")}`;
  });
  return `dagu: workflows in sandboxes, driven by events

Usage: dagu COMMAND [OPTIONS]

${parts.join("\n\n")}

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
  return `Usage: dagu ${command.usage}

${command.summary}

Examples
${command.examples.map((example) => `  ${example}`).join("\n")}

Options
${rows.map(([left, right]) => left.padEnd(width) + right).join("\n")}`;
}
