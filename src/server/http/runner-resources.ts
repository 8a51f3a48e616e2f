/** What a runner has left of what it offers, as it is listed. */
import type { Resources } from "../../protocol/resources.ts";
import type { ListedRunner } from "../store/runners.ts";

export function resourcesOf({ freeCpu, freeMemory }: ListedRunner): Resources {
  return {
    ...(freeCpu === null ? {} : { cpu: freeCpu }),
    ...(freeMemory === null ? {} : { memoryBytes: freeMemory }),
  };
}
