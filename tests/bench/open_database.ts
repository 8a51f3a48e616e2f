/** The least that a command on an embedded database does: opens the one at the given path, asks it one thing, closes it. */
import { PGlite } from "@electric-sql/pglite";

const [dataDir = ""] = Deno.args;
const client = await PGlite.create(dataDir);
await client.query("select 1");
await client.close();
