import { type Command, writeErr } from "../command.ts";

export const command: Command = {
  usage: "scheduler",
  summary: "Does nothing: the server does its periodic work by itself. It is here for scripts that start it.",
  examples: ["dagu scheduler"],
  options: {},
  arguments: [0, 0],
  run: () => {
    writeErr(
      "there is no scheduler to start: dagu server and dagu start-all start what is due by themselves",
    );
    return Promise.resolve(0);
  },
};
