/** Opens the database that the environment names: Postgres, or PGlite below the home. The migrations are applied. */
import { fileURLToPath } from "node:url";
import type { Db } from "../server/store/db.ts";
import { UserError } from "./command.ts";
import type { Home } from "./home.ts";

export interface Database extends AsyncDisposable {
  readonly db: Db;
  /** Hears and tells other processes on the same Postgres; null on the embedded database, which has none. */
  readonly channel: Channel | null;
}

/** One NOTIFY channel: latency only (LN-04). */
export interface Channel {
  publish(topic: string): void;
  subscribe(onTopic: (topic: string) => void): Promise<void>;
}

const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));
const CHANNEL = "dagu_wake";

export function databaseUrl(env: Readonly<Record<string, string>>): string | null {
  const url = (env["DAGU_DATABASE_URL"] ?? env["DATABASE_URL"] ?? "").trim();
  return url === "" ? null : url;
}

export async function openPostgres(url: string): Promise<Database> {
  const [{ default: postgres }, { drizzle }, { migrate }, schema] = await Promise.all([
    import("postgres"),
    import("drizzle-orm/postgres-js"),
    import("drizzle-orm/postgres-js/migrator"),
    import("../server/store/schema.ts"),
  ]);
  const client = postgres(url, { max: 10, onnotice: () => {}, connect_timeout: 10 });
  try {
    const handle = drizzle(client, { schema });
    await migrate(handle, { migrationsFolder: MIGRATIONS });
    return {
      // Both drivers' handles are this at run time; the type of their raw results differs, which `query.ts` absorbs.
      db: handle as unknown as Db,
      channel: {
        publish: (topic) => void client.notify(CHANNEL, topic).catch(() => {}),
        subscribe: async (onTopic) => {
          await client.listen(CHANNEL, onTopic);
        },
      },
      [Symbol.asyncDispose]: () => client.end({ timeout: 5 }),
    };
  } catch (error) {
    await client.end({ timeout: 1 });
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `cannot use the database of DATABASE_URL: ${reason}\nIs Postgres up, and may this user create tables?`,
    );
  }
}

/**
 * Of Postgres' own page cache; the file system has one too. The default of 128 MB is cleared at every start, which costs a
 * third of the time that opening the database takes, and stays resident.
 */
const EMBEDDED_BUFFERS = "8MB";

/** The caller holds the home's lock. */
export async function openEmbedded(home: Home): Promise<Database> {
  const [{ PGlite }, { drizzle }, { migrate }, schema] = await Promise.all([
    import("@electric-sql/pglite"),
    import("drizzle-orm/pglite"),
    import("drizzle-orm/pglite/migrator"),
    import("../server/store/schema.ts"),
  ]);
  const client = await PGlite.create({
    dataDir: home.dataDir,
    startParams: [...PGlite.defaultStartParams, "-c", `shared_buffers=${EMBEDDED_BUFFERS}`],
  });
  const handle = drizzle(client, { schema });
  await migrate(handle, { migrationsFolder: MIGRATIONS });
  return {
    db: handle as unknown as Db,
    channel: null,
    [Symbol.asyncDispose]: () => client.close(),
  };
}
