/**
 * What the machine's owner allows an engine to be asked for. Every container is made, and every foreign one entered,
 * through this; the rules themselves are the runner's (policy.ts), so that nothing here can forget one.
 */
import type { Failure } from "../../run/failure.ts";

export type CreateBody = Readonly<Record<string, unknown>>;

export interface EngineGuard {
  /** The reference to ask the engine for: exactly what was looked at, in full. */
  image(reference: string): string | Failure;
  /** Whether the host's file or folder may be mounted; asked before a missing one is made. */
  source(path: string): Promise<Failure | null>;
  /** The body to send: links followed, ceilings applied. */
  body(body: CreateBody): Promise<{ readonly body: CreateBody } | Failure>;
  /** Executing in a container that is not ours, by its own name. */
  exec(container: string): Failure | null;
  /** Executing with all capabilities, in whatever container. */
  privilegedExec(): Failure | null;
}

/** Without a policy the workflow decides. */
export const OPEN_GUARD: EngineGuard = {
  image: (reference) => reference,
  source: () => Promise.resolve(null),
  body: (body) => Promise.resolve({ body }),
  exec: () => null,
  privilegedExec: () => null,
};
