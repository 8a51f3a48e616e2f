import { type Command, UserError } from "../command.ts";
import { UNSUPPORTED_PROFILES } from "../../workflow/unsupported.ts";

export const command: Command = {
  usage: "profile",
  summary:
    "Refused: there are no profiles in this version. It is here to say so to scripts that ask for them.",
  examples: ["dagu profile"],
  options: {},
  arguments: [0, 100],
  run: () =>
    Promise.reject(new UserError(`${UNSUPPORTED_PROFILES}; set env in workflows, or use dotenv files`)),
};
