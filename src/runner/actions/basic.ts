/** `noop`, `log.write`, `outputs.write`, `exec`. */
import { failedWith, isFailure, succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { print } from "./deed.ts";
import { closeHostPlaces, openHostPlaces, runHostProcess, withOutputFile } from "./host.ts";
import type { Work } from "./work.ts";

export function noop(): Promise<Outcome> {
  return Promise.resolve(succeeded(null));
}

export async function logWrite({ message }: With<"log.write">, work: Work): Promise<Outcome> {
  await print(work, message.endsWith("\n") ? message : `${message}\n`);
  return succeeded(null);
}

export function outputsWrite({ values }: With<"outputs.write">): Promise<Outcome> {
  const outputs = Object.fromEntries(
    Object.entries(values).map((
      [name, value],
    ) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  return Promise.resolve({ ...succeeded(null), outputs });
}

export async function exec({ command, args }: With<"exec">, work: Work): Promise<Outcome> {
  const places = await openHostPlaces(work);
  if (isFailure(places)) return failedWith(places);
  try {
    const process = { argv: [command, ...args], stdin: null, sink: work.sink, tailed: ["stderr"] as const };
    const outcome = await runHostProcess(work, places, process);
    return outcome.failure === null ? await withOutputFile(work, places) : outcome;
  } finally {
    closeHostPlaces(places);
  }
}
