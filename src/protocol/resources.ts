/** What a runner has for runs that need a certain share of it, and what a run needs (M3, R-43). */
import * as v from "valibot";

/** What each container of a run may take, for as long as the run goes on. */
export const Needs = v.object({
  /** Cores; 0: no certain share. */
  cpu: v.pipe(v.number(), v.finite(), v.minValue(0)),
  memoryBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});
export type Needs = v.InferOutput<typeof Needs>;

export const NO_NEEDS: Needs = { cpu: 0, memoryBytes: 0 };

/** What is left; what is absent is not counted. */
export const Resources = v.partial(Needs);
export type Resources = v.InferOutput<typeof Resources>;

/** What would be left beside a run: below 0 where there is too little for it. */
export function beside({ cpu, memoryBytes }: Resources, needs: Needs): Resources {
  return {
    // Cores have three decimals, which fractions of two do not keep.
    ...(cpu === undefined ? {} : { cpu: Math.round((cpu - needs.cpu) * 1_000) / 1_000 }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: memoryBytes - needs.memoryBytes }),
  };
}

export function isEnough(left: Resources): boolean {
  return (left.cpu ?? 0) >= 0 && (left.memoryBytes ?? 0) >= 0;
}
