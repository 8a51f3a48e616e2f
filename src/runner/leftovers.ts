/** After a crash (RS-01): attempts whose spool is still here are told to the end, as failed when they had none. */
import { join } from "node:path";
import type { Attempt, AttemptHost } from "./attempt.ts";
import { reopenSpool, type Spool } from "./spool.ts";
import { openUplink } from "./uplink.ts";

export async function resumeLeftovers(host: AttemptHost, abandon: AbortSignal): Promise<Attempt[]> {
  const folder = join(host.stateDir, "spool");
  const resumed: Attempt[] = [];
  for (const name of await host.disk.folders(folder)) {
    const spool = await reopenSpool(join(folder, name), host, host.budget);
    if (spool === null) {
      host.log.warn("unreadable spool removed", { attempt: name });
      await host.disk.remove(join(folder, name));
      continue;
    }
    resumed.push(await resume(host, spool, abandon));
  }
  return resumed;
}

async function resume(host: AttemptHost, spool: Spool, abandon: AbortSignal): Promise<Attempt> {
  const { attemptId, fence, name, dagRunId } = spool.header;
  host.log.info("attempt of an earlier process resumed", {
    attempt: attemptId,
    run: dagRunId,
    workflow: name,
  });
  await host.machine.killLeftovers(attemptId);
  if (!spool.isComplete) {
    const error = {
      code: "RUNNER_RESTARTED" as const,
      message: "the runner's process ended while the run was executing",
      remedy: "start the run again",
    };
    await spool.event({ type: "attempt.finished", data: { status: "failed", error } });
  }
  const silence = new AbortController();
  const fenceOff = (): void => silence.abort();
  const uplink = openUplink(
    { ...host, clock: host.retryClock },
    spool,
    { settings: host.settings, onDirectives: host.onDirectives, onFenced: fenceOff },
    AbortSignal.any([silence.signal, abandon]),
  );
  const done = (async () => {
    await using kept = spool;
    const end = await uplink.end;
    if (end !== "aborted" || silence.signal.aborted) await kept.remove();
  })().catch((error: unknown) => {
    host.log.error("resumed attempt broke", { attempt: attemptId, error: String(error) });
  });
  return {
    attemptId,
    fence,
    takesSlot: false,
    // Nothing of it runs any more: there is nothing that a lease would have to end.
    lease: { renew: () => {}, remainingMs: () => Number.POSITIVE_INFINITY },
    get lastSeq(): number {
      return spool.lastSeq;
    },
    get ackSeq(): number {
      return uplink.ackSeq;
    },
    cancel: () => {},
    fenceOff,
    loseLease: () => {},
    done,
    result: () => null,
  };
}
