/** Changing the operator's key (SC-03): what is sealed under another than the first is moved to it, little by little. */
import type { ServerPorts } from "../ports.ts";
import type { ServerSettings } from "../settings.ts";
import type { Db } from "../store/db.ts";
import { countByKey, replaceSealed, type SealedPlace, sealedUnderOthers } from "../store/sealed.ts";
import { isInEnvelope, open, purposeOfConnection, purposeOfSecret, rewrap } from "./seal.ts";

export interface KeyUse {
  /** "": sealed by an earlier version, which noted no key. */
  readonly id: string;
  readonly isFirst: boolean;
  /** false: no server can open what is sealed under it. */
  readonly isKnown: boolean;
  readonly values: number;
}

/** The keys that there are, and those that something is sealed under. */
export async function keyUses(
  db: Db,
  { keys }: Pick<ServerSettings, "keys">,
): Promise<KeyUse[]> {
  const counts = await countByKey(db);
  const given = keys.map(({ id }, at) => ({
    id,
    isFirst: at === 0,
    isKnown: true,
    values: counts.get(id) ?? 0,
  }));
  const others = [...counts].filter(([id]) => keys.every((key) => key.id !== id));
  return [
    ...given,
    ...await Promise.all(others.map(async ([id, values]) => ({
      id,
      isFirst: false,
      isKnown: id === "" && await canOpenUnmarked(db, keys),
      values,
    }))),
  ];
}

/** One of them tells: an installation had one key when they were sealed. */
async function canOpenUnmarked(db: Db, keys: ServerSettings["keys"]): Promise<boolean> {
  for (let after: SealedPlace | null = null;;) {
    const rows = await sealedUnderOthers(db, keys[0].id, after, 100);
    const last = rows.at(-1);
    if (last === undefined) return true;
    for (const row of rows) {
      if (!isInEnvelope(row.sealed)) return await open(keys, purposeOf(row), row.sealed) !== null;
    }
    after = last;
  }
}

export interface Rewrapped {
  readonly moved: number;
  /** Of keys that are not given: they stay as they are. */
  readonly unreadable: number;
  /** Still to be looked at; null: everything was. */
  readonly next: SealedPlace | null;
}

const AT_ONCE = 100;

/** At most a hundred of them, from `after` on. Safe beside writers and beside itself. */
export async function rewrapSome(
  ports: Pick<ServerPorts, "db" | "random">,
  { keys }: Pick<ServerSettings, "keys">,
  after: SealedPlace | null,
): Promise<Rewrapped> {
  const rows = await sealedUnderOthers(ports.db, keys[0].id, after, AT_ONCE);
  let moved = 0;
  let unreadable = 0;
  for (const row of rows) {
    const sealed = await rewrap(keys, purposeOf(row), row.sealed, ports.random);
    if (sealed === null) unreadable++;
    else if (await replaceSealed(ports.db, row, sealed)) moved++;
  }
  const last = rows.at(-1);
  const next = rows.length < AT_ONCE || last === undefined
    ? null
    : { kind: last.kind, id: last.id, version: last.version };
  return { moved, unreadable, next };
}

/** As whoever sealed it said. */
function purposeOf({ kind, id, version }: SealedPlace): string {
  switch (kind) {
    case "secret":
      return purposeOfSecret(id, version);
    case "webhook":
      return `webhook ${id}`;
    case "endpoint":
    case "previous":
      return `endpoint ${id}`;
    case "connection":
      return purposeOfConnection(id);
    default:
      return kind satisfies never;
  }
}

/** Ids of keys that something is sealed under and that are not given: until they are, it cannot be opened. */
export async function missingKeys(db: Db, settings: Pick<ServerSettings, "keys">): Promise<string[]> {
  const uses = await keyUses(db, settings);
  return uses.filter(({ isKnown }) => !isKnown).map(({ id }) => id === "" ? "of an earlier version" : id);
}
