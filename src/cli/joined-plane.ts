/**
 * A control plane in the process of another command on this home, for as long as that process lasts. When it ends, or is
 * killed, one of those that went through its door holds the home from then on, and the others go through that one's: for a
 * run it is as if its server had been started anew (DESIGN 3.5).
 */
import * as v from "valibot";
import { RUNNER_BASE_PATH } from "../protocol/messages.ts";
import { UserError } from "./command.ts";
import { type Door, DOOR_HEADER, isClosed } from "./foreground.ts";
import { IN_PROCESS_URL, type LocalPlane } from "./local-plane.ts";

/** Of another process; `door`: of a command, not of a server. */
export interface Elsewhere extends Door {
  readonly kind: "door" | "server";
}

export interface Here {
  readonly kind: "here";
  readonly plane: LocalPlane;
}

type Place = Elsewhere | Here;

/** Who holds the home now: this process, if nobody else does. What it opens goes onto the stack. */
export type NextPlace = (opened: AsyncDisposableStack, over: AbortSignal) => Promise<Place>;

const Admission = v.object({ token: v.string() });

export function joinPlane(first: Elsewhere, next: NextPlace): LocalPlane {
  const over = new AbortController();
  const opened = new AsyncDisposableStack();
  let place: Promise<Place> = Promise.resolve(first);

  /** All who found nobody there go to the same one next. */
  const after = (left: Promise<Place>): Promise<Place> => {
    if (place !== left) return place;
    const found = next(opened, over.signal);
    place = found;
    found.catch(() => place = left);
    return found;
  };

  const fetchFrom = async (request: Request): Promise<Response> => {
    const { method, headers, signal } = request;
    const body = request.body === null ? null : await request.bytes();
    for (let at = place;; at = after(at)) {
      const there = await at;
      const again = { method, headers, signal, ...(body === null ? {} : { body }) };
      if (there.kind === "here") return await there.plane.fetch(new Request(request.url, again));
      const response = await ask(there, new Request(request.url, again));
      if (response !== null) return response;
    }
  };

  return {
    fetch: fetchFrom,
    admission: async () => {
      const request = new Request(`${IN_PROCESS_URL}/api/v1/runners/registration-tokens`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
      const response = await fetchFrom(request);
      return v.parse(Admission, await response.json()).token;
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await place.catch(() => {});
      await opened.disposeAsync();
    },
  };
}

/** null: nobody is there any more, and nothing was done. */
async function ask(there: Elsewhere, request: Request): Promise<Response | null> {
  const { pathname, search } = new URL(request.url);
  const isRunner = pathname.startsWith(`${RUNNER_BASE_PATH}/`);
  const headers = new Headers(request.headers);
  if (there.kind === "door") headers.set(DOOR_HEADER, there.token);
  else if (!isRunner) headers.set("Authorization", `Bearer ${there.token}`);
  try {
    const response = await fetch(
      new Request(`${there.url}${pathname}${search}`, new Request(request, { headers })),
    );
    if (!isClosed(response)) return response;
    await response.body?.cancel();
    return null;
  } catch (error) {
    if (request.signal.aborted) throw error;
    // What a runner tells may be told again.
    if (isRunner || request.method === "GET") return null;
    throw new UserError(
      "the other dagu on this DAGU_HOME ended while it was asked\n" +
        "Look whether it was done (dagu history), and try again if not.",
    );
  }
}
