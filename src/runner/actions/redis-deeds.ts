/** The operations of Redis by name, each loaded when it is used. */
import { REDIS_ACTIONS, type RedisAction, type RedisWith } from "../../workflow/actions/redis.ts";
import type { Outcome } from "../../run/ports.ts";
import type { Work } from "./work.ts";

type Deeds = {
  readonly [N in RedisAction]: () => Promise<(given: RedisWith<N>, work: Work) => Promise<Outcome>>;
};

function loading(name: RedisAction): () => Promise<unknown> {
  return async () => (await import("./redis.ts")).redisDeed(name);
}

// One entry for each name of the table, each for the `with` of its name.
export const REDIS_DEEDS = Object.fromEntries(
  Object.keys(REDIS_ACTIONS).map((name) => [name, loading(name as RedisAction)]),
) as unknown as Deeds;
