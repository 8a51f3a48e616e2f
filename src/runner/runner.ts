/**
 * The machine side: registers, claims what it has room for, runs each claimed attempt, and lets go in good order. The
 * only part of the product that touches processes, files of runs, and an engine. It is given a `fetch`; it listens nowhere.
 */
import { join } from "node:path";
import { newRunnerClient } from "../protocol/client.ts";
import type { EngineFacts } from "../protocol/messages.ts";
import type { ResendPorts } from "../protocol/resend.ts";
import { isFailure } from "../run/outcome.ts";
import { type AttemptHost, startAttempt } from "./attempt.ts";
import { briefly, claimAll, type ClaimGate, freeSlots, hold, type Life } from "./claims.ts";
import { newContact } from "./contact.ts";
import type { Attempt } from "./control.ts";
import { newDirectives } from "./directives.ts";
import { openEngineDoor } from "./engine-door.ts";
import { newHeartbeat } from "./heartbeat.ts";
import { credentialOf, nextBoot } from "./identity.ts";
import { instant } from "./lease.ts";
import { resumeLeftovers } from "./leftovers.ts";
import { newMask, registrySecrets } from "./mask.ts";
import type { RunnerEnd, RunnerOptions } from "./options.ts";
import { OPEN_POLICY } from "./policy.ts";
import { identify } from "./registration.ts";
import { newRoom } from "./room.ts";
import { newRotation } from "./rotation.ts";
import { secretsBase } from "./secret-files.ts";
import { engineOwner } from "./workspace.ts";

export type { RunnerEnd, RunnerOptions } from "./options.ts";

export interface Runner {
  /** Until drained; the signal's abort is a `drain()`. Call once. */
  run(signal: AbortSignal): Promise<RunnerEnd>;
  /** No more claims; what runs goes on to its end, or is stopped when that takes too long (RS-02). */
  drain(): void;
  /** Cancels what runs too; a second time without grace. */
  stop(): void;
}

/** Whoever reaches one of these has the machine, whichever engine we use ourselves. */
const ENGINE_SOCKETS = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
];

/** What runs may go on for so long when the runner drains (RS-02). */
const DRAIN_MS = 3_600_000;

/** How long a stopped runner tries to tell what it did before it leaves that to its next start. */
const FAREWELL_MS = 30_000;

export function openRunner(options: RunnerOptions): Runner {
  const draining = new AbortController();
  const abandon = new AbortController();
  const attempts = new Map<string, Attempt>();
  let isStopped = false;

  const drain = (): void => {
    if (draining.signal.aborted) return;
    draining.abort();
    void options.clock.sleep(options.drainMs ?? DRAIN_MS, abandon.signal).then(() => {
      if (!abandon.signal.aborted && !isStopped) stop();
    });
  };
  const stop = (): void => {
    drain();
    for (const attempt of attempts.values()) attempt.shutDown(isStopped);
    if (!isStopped) void options.clock.sleep(FAREWELL_MS, abandon.signal).then(() => abandon.abort());
    isStopped = true;
  };

  return {
    drain,
    stop,
    run: async (signal) => {
      if (signal.aborted) drain();
      signal.addEventListener("abort", drain, { once: true });
      try {
        return await runRunner(options, {
          attempts,
          draining: draining.signal,
          abandon: abandon.signal,
          onRoom: () => {},
          drain,
        });
      } finally {
        signal.removeEventListener("abort", drain);
        abandon.abort();
      }
    },
  };
}

async function runRunner(options: RunnerOptions, life: Life): Promise<RunnerEnd> {
  const { disk } = options.machine;
  await disk.makeFolder(join(options.stateDir, "spool"), 0o700);
  // Two processes on one state folder would take each other's identity and spool.
  using lock = await disk.lock(join(options.stateDir, "runner.lock"));
  if (lock === null) {
    if (options.once !== true) {
      options.log.error("another runner uses the state folder", { stateDir: options.stateDir });
    }
    return "state_in_use";
  }
  await using engine = openEngineDoor(options.runtime);
  const contact = newContact(options.clock);
  const ports: ResendPorts = { clock: contact.clock, ids: options.ids, random: options.random };
  const client = newRunnerClient(
    { fetch: options.fetch, clock: options.clock, ids: options.ids },
    {
      baseUrl: options.baseUrl,
      boot: await nextBoot(disk, options.stateDir, options.ids),
      compress: options.compress ?? true,
    },
  );
  const identity = await identify(options, client, ports, engine, life.draining);
  if ("end" in identity) return identity.end;
  const { settings, runnerId, privateKey = null } = identity;

  const budget = { limitBytes: settings.spoolMax, usedBytes: 0 };
  const room = newRoom(disk, options.stateDir, options);
  const gate: ClaimGate = { isPaused: false, isClosed: false };
  let isSuperseded = false;
  let engineFacts: EngineFacts | null = null;
  const heartbeat = newHeartbeat({ ...options, client }, {
    intervalMs: settings.heartbeatMs,
    view: () => ({
      attempts: life.attempts.values(),
      isDraining: life.draining.aborted,
      free: room.isThere ? freeSlots(options, life) : 0,
      spoolBytes: budget.usedBytes,
      version: options.version,
      labels: options.labels,
      capacity: options.capacity,
      engine: engineFacts,
    }),
    onDirectives: (directives) => onDirectives(directives),
    onContact: contact.restored,
    onSuperseded: () => {
      isSuperseded = true;
      for (const attempt of life.attempts.values()) attempt.fenceOff();
      life.drain();
    },
  });
  const rotation = newRotation({ ...ports, client, disk, log: options.log }, options.stateDir, identity);
  client.setCredential({ ...credentialOf(identity), onPrevious: rotation.soon });
  const onDirectives = newDirectives({
    log: options.log,
    attempt: (id) => life.attempts.get(id),
    drain: life.drain,
    pauseClaims: (isPaused) => gate.isPaused = isPaused,
    rotateToken: () => rotation.soon(),
    acknowledge: heartbeat.acknowledge,
  });
  const host: AttemptHost = {
    ...options,
    disk,
    client,
    settings,
    runnerId,
    privateKey,
    hostName: options.machine.hostName,
    runnerEnv: options.hostEnv,
    owner: await engineOwner(engine.socketPath),
    mask: newMask(registrySecrets(engine.authConfig)),
    policy: options.policy ?? OPEN_POLICY,
    listener: options.listener ?? null,
    workflowNamed: options.workflowNamed ?? (() => Promise.resolve(null)),
    secretsBase: await secretsBase(options.hostEnv, options.stateDir),
    runsDir: runsDirOf(options),
    hiddenPaths: [
      options.machineDir ?? options.stateDir,
      ...ENGINE_SOCKETS,
      ...(engine.socketPath === null ? [] : [engine.socketPath]),
    ],
    budget,
    retryClock: contact.clock,
    engine: engine.open,
    onDirectives,
    reap: (attemptId) => engine.reap(runnerId, (other) => other !== attemptId, options.log),
    onRoom: () => life.onRoom(),
    isClosed: () => gate.isClosed || gate.isPaused,
    adopt: (grant) => {
      const known = life.attempts.get(grant.attemptId);
      if (known !== undefined) return known;
      const attempt = startAttempt(host, grant, instant(options.clock), life.abandon, false);
      hold(life, attempt);
      return attempt;
    },
  };

  // What an earlier process left when it was killed: nothing that reads files of secrets is gone on with.
  await disk.remove(host.secretsBase);
  for (const attempt of await resumeLeftovers(host, life.abandon, options.once !== true)) hold(life, attempt);
  const over = new AbortController();
  const beating = heartbeat.run(over.signal);
  const rotating = options.once === true ? Promise.resolve() : rotation.run(over.signal);
  const isLive = (attemptId: string): boolean => life.attempts.has(attemptId);
  const reap = (): Promise<void> => engine.reap(runnerId, isLive, options.log);
  const reaping = nowAndThen(options, REAP_EVERY_MS, reap, over.signal);
  const lookAtEngine = async (): Promise<void> => {
    if (engineFacts !== null && engineFacts.problem === undefined) return;
    engineFacts = await engine.facts(options.stateDir, over.signal);
  };
  const looking = nowAndThen(options, LOOK_EVERY_MS, lookAtEngine, over.signal);
  options.log.info("runner ready", {
    runner: runnerId,
    capacity: options.capacity,
    engine: engine.name,
    policy: options.policy?.digest ?? "",
  });
  if (isFailure(options.runtime)) {
    const { message, remedy } = options.runtime;
    options.log.warn("steps in containers fail: no engine is selected", { reason: message, remedy });
  }
  const sweeping = nowAndThen(options, SWEEP_EVERY_MS, () => sweep(options), over.signal);
  const end = await claimAll(options, host, ports, life, gate, room);
  over.abort();
  await Promise.all([beating, rotating, reaping, looking, sweeping]);
  if (options.once === true) await sweep(options);
  // Who leaves gives up what it has not told yet (M15).
  if (isSuperseded || end === "superseded") return "superseded";
  if (!life.abandon.aborted) await briefly(options.clock, (signal) => client.leave({ signal }));
  return end;
}

const SWEEP_EVERY_MS = 3_600_000;

async function sweep(options: RunnerOptions): Promise<void> {
  const { machine, clock, logDir, keepRunsMs: keepMs } = options;
  if (keepMs === null) return;
  await machine.removeOldRuns({ runsDir: runsDirOf(options), logDir, keepMs }, clock.now());
}

function runsDirOf({ machineDir, stateDir }: RunnerOptions): string {
  return join(machineDir ?? stateDir, "runs");
}

/**
 * Well below the minute within which what a lost attempt leaves is to be gone (AC-80). Also what could not be taken away when
 * it should have been, such as while the engine did not answer.
 */
const REAP_EVERY_MS = 30_000;
/** While something keeps the engine from working. */
const LOOK_EVERY_MS = 300_000;

/** At once, and after each pause; not by a runner that is there for one run. */
async function nowAndThen(
  { clock, once }: RunnerOptions,
  pauseMs: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (once !== true && !signal.aborted) {
    await work();
    await clock.sleep(pauseMs, signal);
  }
}
