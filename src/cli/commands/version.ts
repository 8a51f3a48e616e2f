import { type Command, writeOut } from "../command.ts";
import { VERSION } from "../version.ts";

export const command: Command = {
  usage: "version",
  summary: "Prints the version.",
  examples: ["dagu version"],
  options: {},
  arguments: [0, 0],
  run: () => {
    writeOut(VERSION);
    return Promise.resolve(0);
  },
};
