/** Workflows of a plan: their texts, what their steps do when they are executed, and where they wait for people. */
import { playKey, type Plays, type Try } from "./plays.ts";
import type { Random } from "./random.ts";

/** Where a run of a workflow waits for somebody. */
export interface Asking {
  readonly step: string;
  readonly kind: "task" | "approval";
}

export interface Library {
  readonly plays: Plays;
  /** By name of the workflow. */
  readonly askings: Map<string, readonly Asking[]>;
}

/** The only managed secret. */
export const SECRET_REF = "sim/key";
export const QUEUES = ["shared-0", "shared-1"] as const;

/** Cores that a run may need: every runner offers as many, or does not count them. */
export const MOST_CPU = 2;

const KID_STEPS = 2;

/** A whole file: the workflow and the local ones that its steps call. */
export function newDefinition(
  random: Random,
  library: Library,
  name: string,
  root: readonly string[],
): string {
  const kid = random.chance(0.3) ? `${name}-kid` : null;
  const own = newDocument(random, library, name, random.between(1, 3), kid, [
    ...root,
    ...(random.chance(0.15) ? ["worker_selector: {kind: special}"] : []),
    ...(random.chance(0.3) ? ["retry_policy: {limit: 1, interval_sec: 5}"] : []),
    ...(random.chance(0.2) ? [`timeout_sec: ${random.between(20, 120)}`] : []),
    ...(random.chance(0.2) ? [`resources: {limits: {cpu: ${random.between(1, MOST_CPU)}}}`] : []),
    ...(random.chance(0.25) ? [`secrets: [{name: KEY, ref: ${SECRET_REF}}]`] : []),
  ]);
  if (kid === null) return own;
  const grandkid = random.chance(0.3) ? `${kid}-kid` : null;
  const kids = [
    newDocument(random, library, kid, random.between(1, KID_STEPS), grandkid, [
      'params: {ID: ""}',
      ...(random.chance(0.15) ? ["worker_selector: {kind: special}"] : []),
    ]),
    ...(grandkid === null ? [] : [newDocument(random, library, grandkid, 1, null, ['params: {ID: ""}'])]),
  ];
  return [own, ...kids].join("---\n");
}

function newDocument(
  random: Random,
  { plays, askings }: Library,
  name: string,
  count: number,
  kid: string | null,
  root: readonly string[],
): string {
  const steps = Array.from({ length: count }, (_, i) => `s${i}`);
  const asked: Asking[] = [];
  const call = kid === null ? -1 : random.between(0, count - 1);
  const lines = steps.map((step, i) => {
    const depends = i > 0 && random.chance(0.7) ? `, depends: [s${i - 1}]` : "";
    if (i === call) return `  - {id: ${step}${depends}, ${newCall(random, kid ?? "")}}`;
    if (random.chance(0.06) && !name.endsWith("-kid")) {
      asked.push({ step, kind: "task" });
      return `  - {id: ${step}, action: human.task, with: {prompt: "go on?"}${depends}}`;
    }
    plays.set(playKey(name, step), Array.from({ length: random.between(1, 2) }, () => newTry(random)));
    const isApproved = random.chance(0.06);
    if (isApproved) asked.push({ step, kind: "approval" });
    const approval = isApproved ? ', approval: {prompt: "good?"}' : "";
    const retry = random.chance(0.4) ? ", retry_policy: {limit: 1, interval_sec: 2}" : "";
    const goOn = random.chance(0.3) ? ", continue_on: {failure: true}" : "";
    return `  - {id: ${step}, run: play${depends}${retry}${goOn}${approval}}`;
  });
  askings.set(name, asked);
  return [`name: ${name}`, "type: graph", "dotenv: []", ...root, "steps:", ...lines, ""].join("\n");
}

function newCall(random: Random, kid: string): string {
  if (random.chance(0.2)) return `action: dag.enqueue, with: {dag: ${kid}, queue: ${random.pick(QUEUES)}}`;
  const elsewhere = random.chance(0.4) ? ", worker_selector: {kind: special}" : "";
  const retry = random.chance(0.3) ? ", retry_policy: {limit: 1, interval_sec: 2}" : "";
  if (random.chance(0.7)) return `action: dag.run, with: {dag: ${kid}}${elsewhere}${retry}`;
  const fan = "parallel: {items: [a, b, c], max_concurrent: 2}";
  return `action: dag.run, with: {dag: ${kid}, params: {ID: "\${ITEM}"}}, ${fan}${elsewhere}${retry}`;
}

function newTry(random: Random): Try {
  return {
    takesMs: random.chance(0.3) ? random.between(40_000, 150_000) : random.between(0, 10_000),
    printsBytes: random.chance(0.5) ? random.between(0, 2_000) : 0,
    exit: random.chance(0.25) ? 1 : 0,
    stubbornMs: random.chance(0.3) ? random.between(0, 20_000) : 0,
  };
}
