/** Which key was meant, by the spelling and by what other tools call it. */
import { countSlips } from "../slips.ts";

/** What to do instead of an unknown key; null: nothing is like it. */
export function adviseOnKey(key: string, known: readonly string[]): string | null {
  const elsewhere = WORDS_OF_OTHERS.find(({ words, meant }) => words.includes(key) && known.includes(meant));
  if (elsewhere !== undefined) return elsewhere.advice ?? `use ${elsewhere.meant}`;
  const longer = known.filter((one) => key.length > 2 && one.startsWith(key));
  const near = longer.length > 0 ? longer : known.filter((one) => isNear(key, one));
  return near.length === 0 ? null : `did you mean ${near.join(" or ")}?`;
}

/** A short word is another one after two slips. */
function isNear(key: string, known: string): boolean {
  const most = Math.min(2, Math.floor(key.length / 3));
  return known.length > 2 && Math.abs(key.length - known.length) <= most && countSlips(key, known) <= most;
}

interface Elsewhere {
  readonly words: readonly string[];
  /** The key here; the words mean it only where it is known. */
  readonly meant: string;
  readonly advice?: string;
}

const WORDS_OF_OTHERS: readonly Elsewhere[] = [
  { words: ["needs", "depends_on", "dependsOn", "after", "requires"], meant: "depends" },
  { words: ["if", "when", "condition", "conditions"], meant: "preconditions" },
  { words: ["retries", "attempts", "max_retries"], meant: "retry_policy" },
  {
    words: ["continue_on_error", "allow_failure", "ignore_errors"],
    meant: "continue_on",
    advice: "use continue_on: failed",
  },
  { words: ["environment", "variables", "vars"], meant: "env" },
  { words: ["cwd", "workdir", "working_directory", "workingDirectory"], meant: "working_dir" },
  { words: ["cmd", "bash", "sh"], meant: "run" },
  { words: ["uses"], meant: "action" },
  { words: ["image"], meant: "container", advice: "use container: {image: NAME}" },
  { words: ["on", "trigger"], meant: "triggers" },
  { words: ["cron"], meant: "schedule" },
  { words: ["jobs", "stages"], meant: "steps" },
  { words: ["parameters", "inputs", "args"], meant: "params" },
  { words: ["handlers", "hooks"], meant: "handler_on" },
  { words: ["on_failure", "on_error"], meant: "handler_on", advice: "use handler_on.failure" },
  { words: ["on_success"], meant: "handler_on", advice: "use handler_on.success" },
  { words: ["failed", "error"], meant: "failure" },
  { words: ["succeeded"], meant: "success" },
  { words: ["cancel", "cancelled", "aborted"], meant: "abort" },
  { words: ["always", "finally"], meant: "exit" },
  { words: ["concurrency"], meant: "max_active_steps" },
];
