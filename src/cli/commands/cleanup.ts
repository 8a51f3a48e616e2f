import { type Command, type Flags, UserError } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { DAY_MS, timeAgo } from "./duration-flag.ts";
import { confirm, removeHistory } from "./removal.ts";
import { workflowNameOf } from "./run-argument.ts";

export const command: Command = {
  usage: "cleanup NAME",
  summary:
    "Deletes the history of a workflow: its runs that ended, with their logs and the runs that their steps started. Active\n" +
    "runs stay.",
  examples: ["dagu cleanup report --retention-days 90 --yes"],
  options: {
    "retention-days": {
      type: "string",
      value: "N",
      help: "keep runs that ended within N days (default 0: keep none)",
    },
    "dry-run": { type: "boolean", help: "only tell which runs would be deleted" },
    yes: { type: "boolean", short: "y", help: "do not ask" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  run: async (context) => {
    const { flags, positionals: [argument = ""] } = context;
    const days = readDays(flags);
    const isDryRun = flags.has("dry-run");
    await using connection = await connect(context, "door");
    const name = await workflowNameOf(argument, connection.home.dagsDir);
    if (!isDryRun && !flags.has("yes")) {
      await confirm(
        `Delete the runs of ${name} that ended${days === 0 ? "" : ` more than ${days} days ago`}?`,
        "--yes",
      );
    }
    await removeHistory(connection.api, {
      name,
      before: days === 0 ? null : timeAgo(days * DAY_MS),
      isDryRun,
      isQuiet: flags.has("quiet"),
    });
    return 0;
  },
};

function readDays(flags: Flags): number {
  const text = flags.text("retention-days") ?? "0";
  if (!/^\d{1,5}$/.test(text)) {
    throw new UserError(`invalid --retention-days "${text}"; use a whole number of days, 0 or more`);
  }
  return Number(text);
}
