/**
 * Docker's own log of a container (`json-file`) is text: what is not UTF-8 stands in it as U+FFFD, three bytes for one
 * (measured on 20.10; engine notes 2). Who has read a part of the output itself has to know how long that part is in the
 * log to go on there.
 */
import type { Engine } from "./engine.ts";
import { systemInfo } from "./api/system.ts";

export interface TextLength {
  add(bytes: Uint8Array): void;
  /** Bytes in the log. Those of a character that is not whole yet count as they are. */
  readonly bytes: number;
}

/** A line is logged in such pieces; a character on the edge is cut in two, neither of them UTF-8. */
const PIECE_BYTES = 16_384;
const LINE_FEED = 10;
/** U+FFFD in place of one byte. */
const EXTRA_BYTES = 2;

/** How many bytes follow the first one of a character, and between what the next one is; as Go reads UTF-8. */
interface Lead {
  readonly more: number;
  readonly low: number;
  readonly high: number;
}

const FREE: Lead = { more: 0, low: 0x80, high: 0xbf };

function leadOf(byte: number): Lead | null {
  if (byte < 0xc2 || byte > 0xf4) return null;
  const more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  const low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
  const high = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
  return { more, low, high };
}

/** Of one stream, from its first byte on. */
export function newTextLength(): TextLength {
  let size = 0;
  /** In the piece. */
  let at = 0;
  /** Bytes of a character that are there, and how many are missing. */
  let begun = 0;
  let missing = 0;
  let { low, high } = FREE;

  const giveUpCharacter = (): void => {
    size += EXTRA_BYTES * begun;
    begun = 0;
    missing = 0;
  };
  const take = (byte: number): void => {
    if (begun > 0) {
      if (byte >= low && byte <= high) {
        begun = --missing === 0 ? 0 : begun + 1;
        ({ low, high } = FREE);
        return;
      }
      giveUpCharacter();
    }
    if (byte < 0x80) return;
    const lead = leadOf(byte);
    if (lead === null) size += EXTRA_BYTES;
    else {
      begun = 1;
      missing = lead.more;
      ({ low, high } = lead);
    }
  };
  return {
    add: (bytes) => {
      size += bytes.length;
      for (const byte of bytes) {
        if (at === PIECE_BYTES) {
          giveUpCharacter();
          at = 0;
        }
        if (byte >= 0x80 || begun > 0) take(byte);
        at = byte === LINE_FEED ? 0 : at + 1;
      }
    },
    get bytes(): number {
      return size;
    },
  };
}

/** Whether the engine's log of a container is such a text. */
export async function keepsText(engine: Engine, signal: AbortSignal): Promise<boolean> {
  const identity = await engine.socket.identity(signal);
  if (!identity.ok || identity.value.isPodman) return false;
  const info = await systemInfo(engine.socket, signal);
  // Its default, where it does not say.
  return !info.ok || info.value.LoggingDriver === "json-file";
}

/** Finds U+FFFD in a stream, wherever its pieces are cut. */
export function newReplacementWatch(): { add(bytes: Uint8Array): void; readonly hasSeen: boolean } {
  let seen = 0;
  return {
    add: (bytes) => {
      for (const byte of bytes) {
        if (seen === REPLACEMENT.length) return;
        seen = byte === REPLACEMENT[seen] ? seen + 1 : byte === REPLACEMENT[0] ? 1 : 0;
      }
    },
    get hasSeen(): boolean {
      return seen === REPLACEMENT.length;
    },
  };
}

const REPLACEMENT: readonly number[] = [0xef, 0xbf, 0xbd];
