/** What runs left that were ahead of this home's database: stored in it before anybody looks. */
import { type Adopted, adoptRun } from "../../server/dispatch/adopt.ts";
import type { ServerPorts } from "../../server/ports.ts";
import type { ServerSettings } from "../../server/settings.ts";
import { reasonOf } from "../../server/store/failure.ts";
import type { Home } from "../home.ts";
import { listRecords, readRecord } from "./record.ts";

/** The caller holds the home. A record that cannot be adopted is put aside, and told: it must not stand in the way for ever. */
export async function adoptRecords(home: Home, ports: ServerPorts, settings: ServerSettings): Promise<void> {
  for (const path of await listRecords(home)) {
    const adopted = await adopt(ports, settings, path);
    if (adopted.ok) await Deno.remove(path);
    else {
      await Deno.rename(path, `${path}.refused`);
      ports.log.error("a run was not taken into the database", { record: path, reason: adopted.message });
    }
  }
}

async function adopt(ports: ServerPorts, settings: ServerSettings, path: string): Promise<Adopted> {
  const record = await readRecord(path);
  if (record === "empty") return { ok: true };
  if (record === null) return { ok: false, message: "this version cannot read it" };
  try {
    return await adoptRun(ports, settings, record.run, record.entries);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? reasonOf(error) : String(error) };
  }
}
