/** What lies between a runner and the control plane: messages are late, lost, doubled, or cut off for a while. */
import type { Fetch } from "../../src/protocol/exchange.ts";
import type { Random } from "./random.ts";
import type { Life, Timeline } from "./timeline.ts";

export interface Weather {
  /** Probabilities for each message. */
  readonly loss: number;
  readonly duplication: number;
  readonly lateness: number;
  /** The most that a late message is late. */
  readonly latestMs: number;
}

export const CALM: Weather = { loss: 0, duplication: 0, lateness: 0, latestMs: 0 };

/** The end of the line: answers, or null when nobody listens. */
export type Listener = (message: Message, signal: AbortSignal) => Promise<Answer | null>;

export interface Message {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface Line {
  weather: Weather;
  isCut: boolean;
  /** Called when an answer has arrived. */
  onArrival: (message: Message, answer: Answer) => void;
  fetch(life: Life): Fetch;
}

const LOSS_NOTICED_MS = 5_000;

export function newLine(timeline: Timeline, random: Random, listener: Listener): Line {
  const line: Line = {
    weather: CALM,
    isCut: false,
    onArrival: () => {},
    fetch: (life) => async (request) => {
      const message = await messageOf(request);
      const answer = Promise.withResolvers<Response>();
      const give = (act: () => void): void => {
        if (!life.isOver) act();
      };
      const refuse = (): void => give(() => answer.reject(new Error("connection refused")));
      const isDoubled = random.chance(line.weather.duplication);
      const deliver = async (signal: AbortSignal, isCopy: boolean): Promise<void> => {
        const got = line.isCut ? null : await listener(message, signal);
        if (isCopy) return;
        if (got === null) return void timeline.after(random.between(1, 50), refuse);
        if (isLost()) return;
        timeline.after(delay(), () => {
          if (line.isCut) return;
          give(() => answer.resolve(responseOf(got)));
          line.onArrival(message, got);
        });
      };
      if (line.isCut) {
        // Half of the time the other side is silent, half of the time somebody says so.
        if (random.chance(0.5)) timeline.after(random.between(1, LOSS_NOTICED_MS), refuse);
        return await answer.promise;
      }
      if (!isLost()) timeline.after(delay(), () => void deliver(request.signal, false));
      if (isDoubled) timeline.after(delay(), () => void deliver(new AbortController().signal, true));
      return await answer.promise;
    },
  };
  const isLost = (): boolean => random.chance(line.weather.loss);
  const delay = (): number =>
    random.chance(line.weather.lateness) ? random.between(100, line.weather.latestMs) : random.between(1, 40);
  return line;
}

async function messageOf(request: Request): Promise<Message> {
  const body = new Uint8Array(await request.arrayBuffer());
  return { method: request.method, url: request.url, headers: new Headers(request.headers), body };
}

export function requestOf({ method, url, headers, body }: Message, signal: AbortSignal): Request {
  return new Request(url, { method, headers, signal, ...(body.length === 0 ? {} : { body }) });
}

function responseOf({ status, headers, body }: Answer): Response {
  return new Response(body.length === 0 ? null : body, { status, headers });
}
