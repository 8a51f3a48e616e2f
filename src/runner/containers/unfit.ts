/** Commands and variables that no process can be given (0.3, F43). */
import type { Failure } from "../../run/failure.ts";
import { NUL_REMEDY, nulIn } from "../../run/nul.ts";
import { describe, type Subject } from "./diagnose.ts";
import type { Runtime } from "./runtime.ts";

/** What engines refuse in words of their own, or hand to an init process that cannot say what is wrong. null: nothing. */
export function nulFailure(
  runtime: Runtime,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  subject: Subject,
): Failure | null {
  const why = nulIn(argv, env);
  if (why === null) return null;
  const message = `cannot start ${JSON.stringify(argv[0] ?? "the image's command")}: ${why}`;
  return describe(runtime, { code: "OCI_RUNTIME", message, remedy: NUL_REMEDY }, subject);
}
