/**
 * Stopping one exec and nothing else (containers contract 3.7). Engines have no call for it, so a helper inside the container
 * finds the processes by a token in their environment, which children inherit, detached ones too. It runs as the same user
 * (others may not read the environment) and needs `sh`, `tr` and `grep`, as busybox has them.
 */
import { createExec, inspectExec, startExec } from "./api/exec.ts";
import type { Engine } from "./engine.ts";
import { drain } from "./output.ts";
import { isOver } from "./release.ts";
import { deadlineAfter } from "./waiting.ts";

export const TOKEN_VARIABLE = "DAGU_EXEC_ID";

/** `unknown`: the helper could not run, processes may be left; `killed`: some were still there after the grace. */
export type Sweep = "ended" | "killed" | "unknown";

/** Exit code of the helper. */
const KILLED = 3;

/**
 * All are frozen first, until no new one appears: a shell whose child dies would go on with its next line (3.7.3). Then
 * the signal, which waits for the thaw; whoever is left after the ticks of 0.1 s is killed. grep stops at NUL, hence tr.
 */
const SCRIPT = `t=$1 s=$2 n=$3
for c in tr grep; do command -v $c >/dev/null || exit 4; done
find_tree() {
  for d in /proc/[0-9]*; do
    tr '\\000' '\\n' 2>/dev/null < "$d/environ" | grep -q "^${TOKEN_VARIABLE}=$t$" && echo "\${d#/proc/}"
  done 2>/dev/null
}
send() { for p in $2; do kill -"$1" "$p" 2>/dev/null; done; }
freeze() {
  old= new=$(find_tree) i=0
  while [ "$new" != "$old" ] && [ $i -lt 20 ]; do
    send STOP "$new"; old=$new new=$(find_tree) i=$((i + 1))
  done
  tree=$new
}
freeze
send "$s" "$tree"
send CONT "$tree"
while [ "$n" -gt 0 ]; do
  [ -z "$(find_tree)" ] && exit 0
  sleep 0.1 2>/dev/null || sleep 1
  n=$((n - 1))
done
freeze
send KILL "$tree"
[ -z "$tree" ] || exit ${KILLED}`;

const TICK_MS = 100;
/** Looking through a container's processes, on top of the grace. */
const HELPER_MS = 8_000;

/** `graceMs` 0: SIGKILL at once. */
export async function killTree(
  engine: Engine,
  container: string,
  token: string,
  user: string | null,
  signalName: string,
  graceMs: number,
): Promise<Sweep> {
  const deadline = deadlineAfter(graceMs + HELPER_MS);
  const name = graceMs === 0 ? "KILL" : signalName;
  const ticks = String(Math.ceil(graceMs / TICK_MS));
  const body = {
    Cmd: ["/bin/sh", "-c", SCRIPT, "sh", token, name, ticks],
    ...(user === null ? {} : { User: user }),
  };
  const created = await createExec(engine.socket, container, body, deadline);
  if (!created.ok) return isOver(created.error) ? "ended" : "unknown";
  const started = await startExec(engine.socket, created.value, deadline);
  if (!started.ok) return "unknown";
  const nowhere = { write: () => Promise.resolve() };
  const broken = await drain(started.value, false, "exec start", nowhere);
  if (broken !== null) return "unknown";
  const ended = await inspectExec(engine.socket, created.value, deadline);
  if (!ended.ok) return "unknown";
  if (ended.value.ExitCode === 0) return "ended";
  // Who is killed at once has no grace that it outlasted.
  if (ended.value.ExitCode === KILLED) return graceMs === 0 ? "ended" : "killed";
  return "unknown";
}
