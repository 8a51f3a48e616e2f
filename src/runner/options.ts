/** What a runner is given by whoever starts it. It reads no environment and no clock of its own. */
import type { Fetch } from "../protocol/exchange.ts";
import type { Resources } from "../protocol/resources.ts";
import type { Failure } from "../run/failure.ts";
import type { Clock, Ids, Log } from "../run/ports.ts";
import type { Runtime } from "./containers/runtime.ts";
import type { Machine } from "./machine.ts";
import type { WorkflowNamed } from "./children.ts";
import type { Listener } from "./listener.ts";
import type { Policy } from "./policy.ts";

export interface RunnerOptions {
  /** The network's, or the control plane of the same process (DESIGN 3.4). */
  readonly fetch: Fetch;
  readonly baseUrl: string;
  /** Exchanged once for an identity, which the state folder keeps; asked for only when there is none. */
  readonly registrationToken: () => Promise<string>;
  /** Spool and identity, of this runner alone. */
  readonly stateDir: string;
  /** Has the folders of runs, which runners of one machine share, and lies around their state folders; default: the state folder. */
  readonly machineDir?: string;
  /** Where runs that name no `log_dir` have their log files; null: nowhere. */
  readonly logDir: string | null;
  /** How long the folders of a run stay after its end; null: for ever. */
  readonly keepRunsMs: number | null;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: number;
  /** What it offers to runs that need a certain share, over all of them; what is absent is not counted. */
  readonly resources?: Resources;
  /** From the process environment, read once (DESIGN 3.9). A failure only fails what needs a container (1.1.5). */
  readonly runtime: Runtime | Failure;
  /** What may happen on this machine; default: what workflows say. */
  readonly policy?: Policy;
  /** Looks on this machine; absent: the control plane alone knows workflows by name. */
  readonly workflowNamed?: WorkflowNamed;
  /** The process environment; steps see a filtered part of it. */
  readonly hostEnv: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly version: string;
  /** How long what runs may go on when the runner drains; default: an hour (RS-02). */
  readonly drainMs?: number;
  /** Hears what steps say as it comes; default: nobody in this process does. */
  readonly listener?: Listener;
  /** Claims one attempt, runs it, and is done. */
  readonly once?: boolean;
  /** Gzip larger bodies; default true. Pointless within one process. */
  readonly compress?: boolean;
}

export type RunnerEnd =
  /** Asked to, and nothing of it runs any more. */
  | "drained"
  /** The control plane does not know this runner (any more). */
  | "unauthorized"
  /** The control plane does not admit it as it is; the log says why. */
  | "refused"
  /** The control plane speaks a newer protocol only: exit 75 (5.3). */
  | "upgrade_required"
  /** A newer process, with a copy of this state folder, speaks for this runner. */
  | "superseded"
  /** Another process has this state folder. */
  | "state_in_use";
