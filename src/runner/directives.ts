/** What the control plane asks of this runner (M8). Directives repeat until acknowledged; each is acted upon once. */
import type { Directive } from "../protocol/messages.ts";
import type { Log } from "../run/ports.ts";
import type { Attempt } from "./control.ts";

export interface DirectiveTargets {
  readonly log: Log;
  attempt(attemptId: string): Attempt | undefined;
  drain(): void;
  pauseClaims(isPaused: boolean): void;
  rotateToken(): void;
  acknowledge(directiveId: string): void;
}

/** So often a directive may come for an attempt that we do not know, since its claim may still be on the way. */
const UNKNOWN_MAX = 3;
const REMEMBERED_MAX = 1_000;

export function newDirectives(targets: DirectiveTargets): (directives: readonly Directive[]) => void {
  const seen = new Set<string>();
  const unknown = new Map<string, number>();

  const cancel = (directive: Directive): boolean => {
    const attempt = targets.attempt(directive.attemptId ?? "");
    if (attempt === undefined || attempt.fence !== directive.fence) {
      const times = (unknown.get(directive.id) ?? 0) + 1;
      unknown.set(directive.id, times);
      return times >= UNKNOWN_MAX;
    }
    if (directive.limitMs === undefined) {
      attempt.cancel(directive.reason ?? "the control plane", directive.force ?? false);
    } else attempt.timeOut(directive.limitMs);
    return true;
  };

  const act = (directive: Directive): boolean => {
    switch (directive.type) {
      case "cancel":
        return cancel(directive);
      case "drain":
        targets.drain();
        return true;
      case "pause_claims":
      case "resume_claims":
        targets.pauseClaims(directive.type === "pause_claims");
        return true;
      case "rotate_token":
        targets.rotateToken();
        return true;
      default:
        // Of a newer control plane, or for nobody to act upon (RP-22).
        return true;
    }
  };

  return (directives) => {
    for (const directive of directives) {
      if (!seen.has(directive.id)) {
        if (!act(directive)) continue;
        targets.log.info("directive", { type: directive.type, attempt: directive.attemptId ?? "" });
        seen.add(directive.id);
        unknown.delete(directive.id);
        if (seen.size > REMEMBERED_MAX) seen.delete(seen.values().next().value ?? "");
      }
      targets.acknowledge(directive.id);
    }
  };
}
