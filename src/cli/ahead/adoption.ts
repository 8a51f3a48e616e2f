/** What runs left that were ahead of this home's database: stored in it before anybody looks. */
import { type Adopted, adoptRun } from "../../server/dispatch/adopt.ts";
import type { ServerPorts } from "../../server/ports.ts";
import type { ServerSettings } from "../../server/settings.ts";
import type { Home } from "../home.ts";
import { type AheadRecord, listRecords, readRecord } from "./record.ts";

/** The caller holds the home. A record that cannot be adopted is put aside, and told: it must not stand in the way for ever. */
export async function adoptRecords(home: Home, ports: ServerPorts, settings: ServerSettings): Promise<void> {
  for (const path of await listRecords(home)) {
    const adopted = await adopt(ports, settings, await readRecord(path));
    if (adopted.ok) await Deno.remove(path);
    else {
      await Deno.rename(path, `${path}.refused`);
      ports.log.error("a run was not taken into the database", { record: path, reason: adopted.message });
    }
  }
}

async function adopt(
  ports: ServerPorts,
  settings: ServerSettings,
  record: AheadRecord | "empty" | null,
): Promise<Adopted> {
  if (record === "empty") return { ok: true };
  if (record === null) return { ok: false, message: "this version cannot read it" };
  const { run, attempt, reports } = record;
  // Who submitted it was killed before any of it was executed: there is nobody who waits for it.
  return attempt === null ? { ok: true } : await adoptRun(ports, settings, run, attempt, reports);
}
