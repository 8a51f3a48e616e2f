/**
 * Web Crypto works on threads of the platform, so its answers come in an order that no seed decides. While a simulation
 * runs, they pass this gate one at a time, in the order in which they were asked for. Digests, which nearly all of them are,
 * are made at once.
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

const METHODS = [
  "sign",
  "verify",
  "importKey",
  "deriveKey",
  "deriveBits",
  "generateKey",
  "exportKey",
  "encrypt",
  "decrypt",
] as const;

export interface Gate extends Disposable {
  /** Resolves when everything that can run without time passing has run. */
  settle(): Promise<void>;
}

interface Waiting {
  readonly isReady: Promise<unknown>;
  open(): void;
}

export function openGate(): Gate {
  const waiting: Waiting[] = [];
  const subtle = crypto.subtle;
  for (const name of METHODS) {
    const real: unknown = Reflect.get(subtle, name);
    if (typeof real !== "function") throw new Error(`crypto.subtle has no ${name}`);
    Object.defineProperty(subtle, name, {
      configurable: true,
      value: (...args: unknown[]) => {
        const answer: Promise<unknown> = Reflect.apply(real, subtle, args);
        const held = Promise.withResolvers<unknown>();
        waiting.push({
          isReady: answer.then(() => {}, () => {}),
          open: () => void answer.then(held.resolve, held.reject),
        });
        return held.promise;
      },
    });
  }
  Object.defineProperty(subtle, "digest", { configurable: true, value: digestAtOnce });
  return {
    settle: async () => {
      await setImmediate();
      for (let first = waiting.shift(); first !== undefined; first = waiting.shift()) {
        await first.isReady;
        first.open();
        await setImmediate();
      }
    },
    [Symbol.dispose]: () => {
      for (const name of [...METHODS, "digest"]) Reflect.deleteProperty(subtle, name);
    },
  };
}

function digestAtOnce(algorithm: string, data: BufferSource): Promise<ArrayBuffer> {
  const bytes = ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
  const digest = createHash(algorithm.replace("-", "").toLowerCase()).update(bytes).digest();
  return Promise.resolve(new Uint8Array(digest).buffer);
}
