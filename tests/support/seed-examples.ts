/** The seed's two examples, unchanged: they are among those that people get. */
import { fileURLToPath } from "node:url";

function example(name: string): string {
  return Deno.readTextFileSync(fileURLToPath(new URL(`../../examples/${name}.yaml`, import.meta.url)));
}

/** A run's steps in one container (AC-01). */
export const SHARED_CONTAINER = example("shared-container");
/** A step in a container of its own, with a read-only bind (AC-02). */
export const STEP_CONTAINER = example("step-container");
