/** An attempt's spool on its way to the control plane, for as long as the attempt is at work and until all is told. */
import type { Directive, Settings } from "../protocol/messages.ts";
import type { Clock } from "../run/ports.ts";
import type { Control } from "./control.ts";
import type { ReportPorts } from "./log-lane.ts";
import type { Spool } from "./spool.ts";
import { openUplink } from "./uplink.ts";

export interface TellPorts extends ReportPorts {
  readonly settings: Settings;
  /** Its sleeps end early when contact with the control plane is back. */
  readonly retryClock: Clock;
  onDirectives(directives: readonly Directive[]): void;
}

/** Reports what `work` writes while it goes on, and what is left then. */
export async function tellToTheEnd(
  host: TellPorts,
  spool: Spool,
  control: Control,
  abandon: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const silence = AbortSignal.any([control.silence.signal, abandon]);
  const uplink = openUplink({ ...host, clock: host.retryClock }, spool, {
    settings: host.settings,
    onDirectives: host.onDirectives,
    onFenced: () => {
      control.isFenced = true;
      control.endAtOnce();
    },
  }, silence);
  control.spool = spool;
  control.uplink = uplink;
  // What is on the disk cannot be read: what nobody can be told of is not gone on with.
  uplink.end.catch(() => control.endAtOnce());
  await work();
  const end = await uplink.end;
  host.log.info("attempt ended", {
    attempt: spool.header.attemptId,
    run: spool.header.dagRunId,
    end,
    events: spool.lastSeq,
  });
  if (end !== "aborted" || control.isFenced) await spool.remove();
}
