/** What a runner offers to runs whose `resources.limits` ask for a certain share (M3). */
import * as v from "valibot";
import type { Resources } from "../protocol/resources.ts";
import { cpuLimit, memoryLimit } from "../workflow/schema/policies.ts";
import { UserError } from "./command.ts";

/** `DAGU_RUNNER_CPU` and `DAGU_RUNNER_MEMORY`, over all of its runs; what is not set is not counted. */
export function readResources(env: Readonly<Record<string, string>>): Resources {
  const cpu = read(env, "DAGU_RUNNER_CPU", cpuLimit);
  const memoryBytes = read(env, "DAGU_RUNNER_MEMORY", memoryLimit);
  return { ...(cpu === null ? {} : { cpu }), ...(memoryBytes === null ? {} : { memoryBytes }) };
}

function read(
  env: Readonly<Record<string, string>>,
  name: string,
  limit: v.GenericSchema<unknown, number>,
): number | null {
  const text = env[name]?.trim() ?? "";
  if (text === "") return null;
  const amount = v.safeParse(limit, text);
  if (!amount.success) throw new UserError(`${name}: ${amount.issues[0].message}`);
  return amount.output;
}
