/**
 * One engine of this runner: its socket, and what all work on it shares. The room does with an engine whatever a step needs
 * and knows nothing of leases, servers or SQL (DESIGN 6). Nothing is asked before the first call needs it.
 */
import { openSocket, type Socket } from "./api/socket.ts";
import { type EngineGuard, OPEN_GUARD } from "./guard.ts";
import { newSharedPulls, type SharedPulls } from "./pull.ts";
import type { RunNetwork } from "./run-network.ts";
import { addressText, type Runtime } from "./runtime.ts";

export interface Engine extends AsyncDisposable {
  readonly runtime: Runtime;
  /** As shown to people. */
  readonly address: string;
  readonly socket: Socket;
  readonly limits: EngineLimits;
  readonly pulls: SharedPulls;
  /** Found out by the first container: some engines have no init binary (F45). */
  readonly init: { isThere: boolean };
  /** What may be asked of it; a run with a policy sees the engine with a guard of its own. */
  readonly guard: EngineGuard;
  /** Of the run that sees this engine; absent: containers are in the engine's own. */
  readonly network?: RunNetwork;
  /** Only what it would be asked is of interest: nothing is to be made on this machine for it. */
  readonly isPaper: boolean;
}

export interface EngineLimits {
  /** For an ordinary answer (F12). */
  readonly answerMs: number;
  /** For an engine that went away under a running container (F62). */
  readonly reconnectMs: number;
  /** For a container to be ready (2.11.1), and for a foreign one to be there (2.3.3). */
  readonly readyMs: number;
  /** Between two notes about a pull (6.1.6). */
  readonly progressMs: number;
}

const LIMITS: EngineLimits = { answerMs: 30_000, reconnectMs: 60_000, readyMs: 120_000, progressMs: 1_000 };

export function openEngine(runtime: Runtime, given: Partial<EngineLimits> = {}): Engine {
  const limits = { ...LIMITS, ...given };
  const socket = openSocket(runtime, limits.answerMs);
  return {
    runtime,
    address: addressText(runtime.address),
    socket,
    limits,
    pulls: newSharedPulls(),
    init: { isThere: true },
    guard: OPEN_GUARD,
    isPaper: false,
    [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
  };
}
