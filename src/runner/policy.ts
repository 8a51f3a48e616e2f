/**
 * What may happen on this machine, decided by whoever runs it (DESIGN 3.8, control-plane contract 7.12). Read once when the
 * runner starts, from a file that no workflow and no control plane can reach; asked before anything is made or executed.
 */
import { sha256 } from "../workflow/digest.ts";
import type { Failure } from "../run/failure.ts";
import { matchesGlob } from "../workflow/glob.ts";
import { formatProblem } from "../workflow/problem.ts";
import type { Secret, Step } from "../workflow/workflow.ts";
import { type EngineGuard, OPEN_GUARD } from "./containers/guard.ts";
import { newGuard } from "./policy-container.ts";
import { denied } from "./policy-denial.ts";
import { type Choice, parsePolicy, type PolicyRules } from "./policy-file.ts";
import { isBelow, whereItLeads } from "./policy-paths.ts";
import { touchesHost } from "./policy-steps.ts";
import { readKeys, type Signing } from "./signing.ts";

export interface Policy {
  /** For the log and the control plane: `sha256:` of the file's text; "": there is none. */
  readonly digest: string;
  /** Who must have signed what is executed here; null: nobody. */
  readonly signing: Signing | null;
  /** Whether this run may be executed here at all. */
  run(run: PolicyRun): Failure | null;
  forRun(run: PolicyRun, places: RunPlaces): RunPolicy;
}

export interface PolicyRun {
  readonly name: string;
  readonly trust: "trusted" | "untrusted";
}

export interface RunPlaces {
  /** Folders of the run itself. */
  readonly own: readonly string[];
  /** What no container may see: the engine's socket, the runner's state. */
  readonly secret: readonly string[];
}

/** The policy as it stands for one run. */
export interface RunPolicy {
  /** Whether processes and files of the machine are out of reach. */
  readonly isConfined: boolean;
  readonly guard: EngineGuard;
  step(action: string, place: Step["place"]): Failure | null;
  /** A command on the machine beside the steps: preconditions, `eval`. */
  command(): Failure | null;
  /** A file or folder of the machine that the runner itself would touch for a workflow. */
  path(path: string): Promise<Failure | null>;
  secret(secret: Secret): Promise<Failure | null>;
}

const NO_PROBLEM = (): Promise<null> => Promise.resolve(null);

const OPEN_RUN: RunPolicy = {
  isConfined: false,
  guard: OPEN_GUARD,
  step: () => null,
  command: () => null,
  path: NO_PROBLEM,
  secret: NO_PROBLEM,
};

/** Without a file the workflow decides: as the original does. */
export const OPEN_POLICY: Policy = {
  digest: "",
  signing: null,
  run: () => null,
  forRun: () => OPEN_RUN,
};

export class PolicyError extends Error {}

/** Throws `PolicyError`: a runner without the policy that it was told to keep must not start (PO-02). */
export async function readPolicy(env: Readonly<Record<string, string | undefined>>): Promise<Policy> {
  const path = env["DAGU_RUNNER_POLICY"]?.trim() ?? "";
  if (path === "") return OPEN_POLICY;
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new PolicyError(`cannot read the runner's policy ${path} (DAGU_RUNNER_POLICY): ${error.message}`);
  });
  const read = parsePolicy(text);
  if (!read.ok) {
    const lines = read.problems.map((problem) => `- ${formatProblem(problem, path)}`);
    throw new PolicyError(`the runner's policy is broken\n${lines.join("\n")}`);
  }
  const signing = await readSigning(read.rules.signing);
  return newPolicy(read.rules, { digest: `sha256:${await sha256(text)}`, path, signing });
}

/** Throws `PolicyError`: without its keys a runner could tell nobody's work from a stranger's. */
async function readSigning(rules: PolicyRules["signing"]): Promise<Signing | null> {
  if (rules === null || rules.mode === "off") return null;
  const { keys: path, mode, maxRollbackMs } = rules;
  const text = await Deno.readTextFile(path).catch((error: Error) => {
    throw new PolicyError(`cannot read signing.keys ${path}: ${error.message}`);
  });
  const keys = await readKeys(text);
  if (keys === null) {
    throw new PolicyError(
      `signing.keys ${path} is no JWK set of Ed25519 keys: {"keys": [{"kty": "OKP", ...}]}`,
    );
  }
  return { mode, keys, maxRollbackMs };
}

interface PolicyFacts {
  readonly digest: string;
  /** Of the file. */
  readonly path: string;
  readonly signing: Signing | null;
}

export function newPolicy(rules: PolicyRules, { digest, path, signing }: PolicyFacts): Policy {
  return {
    digest,
    signing,
    run: ({ name, trust }) => {
      if (!isChosen(rules.workflows, name)) return denied("workflows", `workflow ${name}`);
      if (trust === "untrusted" && rules.untrusted === "deny") return denied("untrusted", "untrusted runs");
      return null;
    },
    forRun: ({ trust }, places) => {
      const isContained = trust === "untrusted" && rules.untrusted === "container-only";
      const hidden = { own: places.own, secret: [...places.secret, path] };
      return newRunPolicy(isContained ? { ...rules, host: false } : rules, hidden);
    },
  };
}

function newRunPolicy(rules: PolicyRules, places: RunPlaces): RunPolicy {
  const host = (what: string): Failure | null => rules.host ? null : denied("host", what);
  return {
    isConfined: !rules.host,
    guard: newGuard(rules, places),
    step: (action, place) => {
      if (!isChosen(rules.steps, action)) return denied("steps", `action ${action}`);
      return touchesHost(action, place) ? host(`action ${action} on the machine itself`) : null;
    },
    command: () => host("commands on the machine itself"),
    path: async (path) => {
      if (rules.host) return null;
      const real = await whereItLeads(path);
      for (const folder of places.own) if (isBelow(real, await whereItLeads(folder))) return null;
      return host(`the use of ${path}, which is outside of the run's own folders`);
    },
    secret: ({ name, source }) => judgeSecret(name, source, rules),
  };
}

async function judgeSecret(
  name: string,
  source: Secret["source"],
  { secrets }: PolicyRules,
): Promise<Failure | null> {
  if (source.kind === "managed") {
    const isOpen = secrets.managed.some((glob) => matchesGlob(glob, source.ref));
    return isOpen ? null : denied("secrets.managed", `secret ${name}: ${source.ref} of the control plane`);
  }
  if (source.provider === "env") {
    const isOpen = secrets.env.some((glob) => matchesGlob(glob, source.key));
    return isOpen ? null : denied("secrets.env", `secret ${name}: variable ${source.key} of the runner`);
  }
  const real = await whereItLeads(source.key);
  for (const folder of secrets.files) {
    if (source.key.startsWith("/") && isBelow(real, await whereItLeads(folder))) return null;
  }
  return denied("secrets.files", `secret ${name}: file ${source.key}`);
}

function isChosen({ allow, deny }: Choice, name: string): boolean {
  return allow.some((glob) => matchesGlob(glob, name)) && !deny.some((glob) => matchesGlob(glob, name));
}
