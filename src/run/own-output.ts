import type { OutputSink, RunPorts } from "./ports.ts";

/** What the run core itself says in a step's log: no action has hidden anything in it. */
export async function printOwn(
  ports: Pick<RunPorts, "conceal">,
  sink: OutputSink,
  text: string,
): Promise<void> {
  await sink.write("stdout", new TextEncoder().encode(ports.conceal(text)));
}
