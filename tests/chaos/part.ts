/** A process of ours that may be killed, stopped, and started again at any moment. */
import { type DaguOptions, type RunningDagu, spawnDagu } from "../support/dagu.ts";

export interface Part extends AsyncDisposable {
  readonly name: string;
  kill(): Promise<void>;
  /** Started anew, and ready. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** What the processes of this part have said, the last of it. */
  said(): string;
}

const KEPT = 50_000;

export async function openPart(name: string, options: DaguOptions, readyText: string): Promise<Part> {
  let process: RunningDagu | null = null;
  let past = "";
  const start = async (): Promise<void> => {
    process = spawnDagu(options);
    await process.said(readyText);
  };
  const kill = async (): Promise<void> => {
    await process?.[Symbol.asyncDispose]();
    past = `${past}${process?.stderr() ?? ""}\n-- killed --\n`.slice(-KEPT);
    process = null;
  };
  await start();
  return {
    name,
    kill,
    start,
    pause: () => process?.kill("SIGSTOP"),
    resume: () => process?.kill("SIGCONT"),
    said: () => `${past}${process?.stderr() ?? ""}`.slice(-KEPT),
    [Symbol.asyncDispose]: kill,
  };
}
