/**
 * A door to the control plane of a command that holds the embedded database, for as long as it runs: `dagu stop` and
 * `dagu status` from another terminal go through it. It stands on the loopback only and opens to who can read the home.
 */
import * as v from "valibot";
import { parseJson } from "../workflow/json.ts";
import { join } from "node:path";
import type { Home } from "./home.ts";
import type { LocalPlane } from "./local-plane.ts";

const Door = v.object({ url: v.string(), token: v.string() });
export type Door = v.InferOutput<typeof Door>;

export async function openDoor(home: Home, plane: LocalPlane): Promise<AsyncDisposable> {
  const token = crypto.getRandomValues(new Uint8Array(24)).toHex();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    if (request.headers.get("Authorization") !== `Bearer ${token}`) {
      return new Response(null, { status: 401 });
    }
    const inside = new Headers(request.headers);
    inside.delete("Authorization");
    return await plane.fetch(new Request(request, { headers: inside }));
  });
  const path = pathOf(home);
  const door: Door = { url: `http://127.0.0.1:${server.addr.port}`, token };
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(door), { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return {
    [Symbol.asyncDispose]: async () => {
      await Deno.remove(path).catch(() => {});
      void server.shutdown();
    },
  };
}

/** The door of another command on this home, if there is one and it answers. */
export async function findDoor(home: Home): Promise<Door | null> {
  const door = v.safeParse(Door, parseJson(await Deno.readTextFile(pathOf(home)).catch(() => "")));
  if (!door.success) return null;
  try {
    const response = await fetch(`${door.output.url}/livez`, {
      headers: { Authorization: `Bearer ${door.output.token}` },
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.ok ? door.output : null;
  } catch {
    return null;
  }
}

function pathOf(home: Home): string {
  return join(home.dir, "foreground.json");
}
