/**
 * Group commit: calls that come while others are being worked on are taken together as soon as one of the hands is free, so
 * that under load many share one transaction, and one alone waits for nobody. Nothing is kept here but callers who wait.
 */

/** How each member of a group ended, in the order of the group. */
export type Ends<R> = readonly PromiseSettledResult<R>[];

export interface GatherOptions<T, R> {
  /** Never rejects because of one member alone. */
  readonly work: (members: readonly T[]) => Promise<Ends<R>>;
  /** Members with the same key go into groups of their own, one after the other. */
  readonly keyOf: (member: T) => string;
  readonly groupMax: number;
  /** Groups at once. */
  readonly hands: number;
}

/** Answers when the member's group is done. */
export function newGather<T, R>(options: GatherOptions<T, R>): (member: T) => Promise<R> {
  interface Waiting {
    readonly member: T;
    readonly key: string;
    readonly settle: PromiseWithResolvers<R>;
  }
  let waiting: Waiting[] = [];
  const busyKeys = new Set<string>();
  let busyHands = 0;

  function takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const one of waiting) {
      if (group.length < options.groupMax && !busyKeys.has(one.key)) {
        busyKeys.add(one.key);
        group.push(one);
      } else rest.push(one);
    }
    waiting = rest;
    return group;
  }

  async function settle(group: readonly Waiting[]): Promise<void> {
    try {
      const ends = await options.work(group.map(({ member }) => member));
      for (const [index, { settle }] of group.entries()) {
        const end = ends[index];
        if (end?.status === "fulfilled") settle.resolve(end.value);
        else settle.reject(end?.reason ?? new Error("a group was answered without one of its members"));
      }
    } catch (error) {
      for (const { settle } of group) settle.reject(error);
    }
  }

  async function lend(): Promise<void> {
    busyHands++;
    // Those who are called in the same breath come along.
    await Promise.resolve();
    for (let group = takeGroup(); group.length > 0; group = takeGroup()) {
      await settle(group);
      for (const { key } of group) busyKeys.delete(key);
    }
    busyHands--;
  }

  return (member) => {
    const settle = Promise.withResolvers<R>();
    waiting.push({ member, key: options.keyOf(member), settle });
    if (busyHands < options.hands) void lend();
    return settle.promise;
  };
}
