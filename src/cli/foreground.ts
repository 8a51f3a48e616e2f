/**
 * A door to the control plane of a command that holds the embedded database, for as long as it runs: `dagu stop`,
 * `dagu status` and the runs of other terminals go through it. It stands on the loopback only and opens to who can read the
 * home.
 */
import * as v from "valibot";
import { parseJson } from "../workflow/json.ts";
import { join } from "node:path";
import type { Home } from "./home.ts";
import type { LocalPlane } from "./local-plane.ts";

const Door = v.object({ url: v.string(), token: v.string() });
export type Door = v.InferOutput<typeof Door>;

/** Has the door's token where `Authorization` has what a runner says to the control plane itself. */
export const DOOR_HEADER = "Dagu-Door";
/** Answered instead of the control plane: nothing was done. */
const CLOSED = { status: 503, headers: { [DOOR_HEADER]: "closed" } };

export function isClosed(response: Response): boolean {
  return response.headers.get(DOOR_HEADER) === "closed";
}

export async function openDoor(home: Home, plane: LocalPlane): Promise<AsyncDisposable> {
  const token = crypto.getRandomValues(new Uint8Array(24)).toHex();
  const over = new AbortController();
  const underWay = new Set<Promise<Response>>();
  const answer = async (request: Request): Promise<Response> => {
    const headers = new Headers(request.headers);
    if (headers.get("Authorization") === `Bearer ${token}`) headers.delete("Authorization");
    else if (headers.get(DOOR_HEADER) !== token) return new Response(null, { status: 401 });
    headers.delete(DOOR_HEADER);
    if (over.signal.aborted) return new Response(null, CLOSED);
    const signal = AbortSignal.any([request.signal, over.signal]);
    try {
      return await plane.fetch(new Request(request, { headers, signal }));
    } catch (error) {
      // A poll that was cut short.
      if (over.signal.aborted) return new Response(null, CLOSED);
      throw error;
    }
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const answering = answer(request);
    underWay.add(answering);
    void answering.catch(() => {}).then(() => underWay.delete(answering));
    return answering;
  });
  const path = pathOf(home);
  const door: Door = { url: `http://127.0.0.1:${server.addr.port}`, token };
  await Deno.writeTextFile(`${path}.new`, JSON.stringify(door), { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return {
    [Symbol.asyncDispose]: async () => {
      await Deno.remove(path).catch(() => {});
      over.abort();
      // What is being done is answered before the control plane goes.
      await Promise.allSettled(underWay);
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
