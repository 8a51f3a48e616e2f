/** The policy of the runner that this process holds: `DAGU_RUNNER_POLICY` of its environment. */
import { type Policy, PolicyError, readPolicy } from "../runner/policy.ts";
import { UserError } from "./command.ts";

/** What starting the same again does not mend (`EX_CONFIG`). */
export const CONFIGURATION_ERROR = 78;

export async function readRunnerPolicy(env: Readonly<Record<string, string>>): Promise<Policy> {
  try {
    return await readPolicy(env);
  } catch (error) {
    if (error instanceof PolicyError) throw new UserError(error.message, CONFIGURATION_ERROR);
    throw error;
  }
}
