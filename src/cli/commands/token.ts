import * as v from "valibot";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { type Command, UserError, writeErr, writeOut } from "../command.ts";

const Made = v.object({ token: v.string(), expiresAt: v.string() });

export const command: Command = {
  usage: "token create|runner [NAME]",
  summary:
    "create: an API token. runner: a registration token that admits runners. Shown this once, on stdout.",
  options: {
    hours: {
      type: "string",
      value: "N",
      help: "how long it is good (API: for ever; runner: 1, at most 168)",
    },
    uses: { type: "string", value: "N", help: "runners that it admits (default 1)" },
    capacity: { type: "string", value: "N", help: "runs at once that each of them may have at most" },
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 2],
  run: async (context) => {
    const [verb, name = "cli"] = context.positionals;
    const hours = readNumber(context.flags.text("hours"), "--hours");
    const uses = readNumber(context.flags.text("uses"), "--uses");
    const capacity = readNumber(context.flags.text("capacity"), "--capacity");
    await using connection = await connect(context);
    const lifetime = hours === null ? {} : { ttlHours: hours };
    const answer = verb === "create"
      ? await connection.api.post("/api-tokens", { name, ...lifetime })
      : verb === "runner"
      ? await connection.api.post("/runners/registration-tokens", {
        ...lifetime,
        ...(uses === null ? {} : { uses }),
        ...(capacity === null ? {} : { capacityMax: capacity }),
      })
      : null;
    if (answer === null) {
      throw new UserError(`unknown: token ${verb}\nUsage: dagu token create|runner [NAME]`);
    }
    const made = v.parse(Made, answer);
    writeOut(made.token);
    writeErr(made.expiresAt === "" ? "It has no end." : `Good until ${made.expiresAt}.`);
    return 0;
  },
};

function readNumber(text: string | null, flag: string): number | null {
  if (text === null) return null;
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0) {
    throw new UserError(`${flag} must be a number above 0, got "${text}"`);
  }
  return number;
}
