import { type Command, writeErr } from "../command.ts";

export const command: Command = {
  usage: "coordinator",
  summary:
    "Does nothing: runners ask the server for work by themselves. It is here for scripts that start it.",
  examples: ["dagu coordinator"],
  options: {},
  arguments: [0, 0],
  run: () => {
    writeErr("there is no coordinator to start: runners (dagu worker) ask the server (dagu server) for work");
    return Promise.resolve(0);
  },
};
