/**
 * What a later process of the runner has to know of an attempt besides its events and logs (B03, B05): where in the log each
 * try begins, how a container's work ended before the container was taken away, and until when the lease was good.
 */
import { join } from "node:path";
import * as v from "valibot";
import { Failure } from "../run/failure.ts";
import type { Outcome } from "../run/ports.ts";
import type { Sizes } from "../run/progress.ts";
import { parseJson } from "../workflow/json.ts";
import { type Disk, type DiskFile, readText } from "./disk.ts";

const KnownEnd = v.object({
  exitCode: v.nullable(v.number()),
  failure: v.nullable(Failure),
  outputFile: v.nullable(v.string()),
  /** Of its output, what is not in the log. */
  dropped: v.optional(
    v.array(v.object({ stream: v.picklist(["stdout", "stderr"]), bytes: v.number(), reason: v.string() })),
    [],
  ),
});
export type KnownEnd = v.InferOutput<typeof KnownEnd> & Outcome;

const LeaseRecord = v.object({ renewedAt: v.number(), leaseMs: v.number(), graceMs: v.number() });
/** `renewedAt`: epoch ms at which the renewal was sent. */
export type LeaseRecord = v.InferOutput<typeof LeaseRecord>;

const Entry = v.variant("kind", [
  v.object({ kind: v.literal("try"), step: v.string(), stdout: v.number(), stderr: v.number() }),
  v.object({ kind: v.literal("end"), step: v.string(), end: KnownEnd }),
  v.object({ kind: v.literal("lease"), lease: LeaseRecord }),
]);
type Entry = v.InferOutput<typeof Entry>;

export interface Recovery extends Disposable {
  /** A try of the step begins: what its log has by now is of others. */
  begin(step: string, logged: Sizes): void;
  /** How the last try of the step ended, its output being in the log but for what was dropped. No secret may be in it. */
  keepEnd(step: string, end: KnownEnd): void;
  renewed(lease: LeaseRecord): void;
  /** Bytes in the log of the step before its last try. */
  before(step: string): Sizes;
  /** null: nothing is known of how the last try ended. */
  endOf(step: string): KnownEnd | null;
  readonly lease: LeaseRecord | null;
}

const NOTHING: Sizes = { stdout: 0, stderr: 0 };

export async function openRecovery(disk: Disk, folder: string): Promise<Recovery> {
  const tries = new Map<string, Sizes>();
  const ends = new Map<string, KnownEnd>();
  let lease: LeaseRecord | null = null;
  const apply = (entry: Entry): void => {
    if (entry.kind === "lease") lease = entry.lease;
    else if (entry.kind === "end") ends.set(entry.step, entry.end);
    else {
      tries.set(entry.step, { stdout: entry.stdout, stderr: entry.stderr });
      ends.delete(entry.step);
    }
  };
  const path = join(folder, "recovery.jsonl");
  for (const line of (await readText(disk, path)).split("\n")) {
    const entry = v.safeParse(Entry, parseJson(line));
    if (entry.success) apply(entry.output);
  }
  const file = disk.openAppend(path);
  let isClosed = false;
  const add = (entry: Entry): void => {
    if (isClosed) return;
    apply(entry);
    // A line that was cut short by a crash must not swallow this one.
    write(file, `\n${JSON.stringify(entry)}\n`);
  };
  return {
    begin: (step, logged) => {
      // Of a first try there is nothing to be known.
      const isFirst = !tries.has(step) && !ends.has(step) && logged.stdout === 0 && logged.stderr === 0;
      if (!isFirst) add({ kind: "try", step, ...logged });
    },
    keepEnd: (step, end) => add({ kind: "end", step, end }),
    renewed: (renewal) => add({ kind: "lease", lease: renewal }),
    before: (step) => tries.get(step) ?? NOTHING,
    endOf: (step) => ends.get(step) ?? null,
    get lease(): LeaseRecord | null {
      return lease;
    },
    [Symbol.dispose]: () => {
      if (!isClosed) file.close();
      isClosed = true;
    },
  };
}

/** A disk that takes nothing ends the attempt by its events, which are told with it (SP-03). */
function write(file: DiskFile, line: string): void {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
