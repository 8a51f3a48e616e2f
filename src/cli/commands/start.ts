import { type Command } from "../command.ts";
import { connect, CONNECT_OPTIONS } from "../connect.ts";
import { runAndFollow, tellEnd } from "../own-runner.ts";
import { SUBMISSION_OPTIONS, submit } from "./submission.ts";

export const command: Command = {
  usage: "start FILE|NAME [-- PARAMS...]",
  summary:
    "Runs a workflow and follows it: step output on stderr, a summary on stdout, exit code 0 when it succeeded.\n" +
    "With a server running on this DAGU_HOME (or --server) the run goes there; without one, a control plane and a runner\n" +
    "come up in this process.",
  examples: [
    "dagu start hello.yaml -- WHO=you",
    'dagu start nightly --server https://dagu.example.com --params \'{"REGION": "us"}\'',
  ],
  options: {
    ...SUBMISSION_OPTIONS,
    ...CONNECT_OPTIONS,
  },
  arguments: [1, 1],
  ownsInterrupts: true,
  run: async (context) => {
    await using connection = await connect(context, "ahead");
    const details = await runAndFollow(
      context,
      connection,
      (choice) => submit(context, connection, { enqueue: false, ...choice }),
      context.flags.has("quiet"),
    );
    return await tellEnd(context, connection, details);
  },
};
