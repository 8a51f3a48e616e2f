/** Sends log bytes of an attempt, one piece at a time, from whichever stream is due (M7). Two lanes share the streams. */
import type { Log } from "../run/ports.ts";
import type { RunnerClient } from "../protocol/client.ts";
import { type CallFailure, isRefused } from "../protocol/exchange.ts";
import type { Settings } from "../protocol/messages.ts";
import { type Backoff, DEFAULT_CAP_MS, newBackoff, type ResendPorts } from "../protocol/resend.ts";
import { changedWithin, type Spool } from "./spool.ts";
import type { StreamFile } from "./stream-file.ts";

export interface ReportPorts extends ResendPorts {
  readonly client: RunnerClient;
  readonly log: Log;
}

/** How far each stream has come; shared by the lanes and the event sender. */
export type LogProgress = Map<StreamFile, StreamProgress>;

interface StreamProgress {
  /** Bytes that the server has. */
  offset: number;
  /** When the oldest unsent byte was first seen, on the monotonic clock. */
  waitingSince: number | null;
  isBusy: boolean;
  /** The server knows the stream's length, or wants nothing more of it. */
  isDelivered: boolean;
}

export interface LogLaneOptions {
  readonly ports: ReportPorts;
  readonly spool: Spool;
  readonly logs: LogProgress;
  readonly settings: Settings;
  readonly stop: AbortSignal;
  canGoOn(failure: CallFailure, what: string, backoff: Backoff): Promise<boolean>;
  fence(): void;
}

const DUE_BYTES = 65_536;
const SMALLEST_PIECE = 1_024;

export class LogLane {
  readonly #options: LogLaneOptions;
  readonly #backoff: Backoff;
  #pieceMax: number;
  /** Streams before this one want nothing more: a run of thousands of steps has thousands of them. */
  #firstOpen = 0;

  constructor(options: LogLaneOptions) {
    this.#options = options;
    this.#backoff = newBackoff(options.ports.random, DEFAULT_CAP_MS);
    this.#pieceMax = options.settings.logChunkMax;
  }

  /** Until the attempt is complete and every stream delivered, or until the stop. */
  async run(): Promise<void> {
    const { spool, ports, stop } = this.#options;
    while (!stop.aborted) {
      const revision = spool.revision;
      const next = this.#next();
      if (next.stream === null) {
        if (spool.isComplete && this.#allDelivered()) return;
        await changedWithin(ports.clock, spool, revision, next.waitMs, stop);
        continue;
      }
      const progress = this.#progress(next.stream);
      progress.isBusy = true;
      await this.#sendPiece(next.stream, progress);
      progress.isBusy = false;
      // The other lanes may have waited for this stream.
      spool.touch();
    }
  }

  #next(): { readonly stream: StreamFile | null; readonly waitMs: number } {
    let waitMs = Number.POSITIVE_INFINITY;
    const now = this.#options.ports.clock.mono();
    const { streams } = this.#options.spool;
    this.#skipDelivered();
    for (let at = this.#firstOpen; at < streams.length; at++) {
      const stream = streams[at];
      if (stream === undefined) break;
      const progress = this.#progress(stream);
      if (progress.isBusy || progress.isDelivered) continue;
      const dueMs = dueInMs(stream, progress, now, this.#options.settings.logFlushMs);
      if (dueMs === 0) return { stream, waitMs: 0 };
      waitMs = Math.min(waitMs, dueMs);
    }
    return { stream: null, waitMs };
  }

  async #sendPiece(stream: StreamFile, progress: StreamProgress): Promise<void> {
    const { ports, spool, stop } = this.#options;
    const wasEnded = stream.isEnded;
    const bytes = await stream.read(progress.offset, this.#pieceMax);
    const isFinal = wasEnded && progress.offset + bytes.length === stream.size;
    const { step, stream: name } = stream;
    const piece = { step, stream: name, offset: progress.offset, fence: spool.header.fence, isFinal, bytes };
    const result = await ports.client.sendLog(spool.header, piece, { signal: stop });
    if (result.ok) {
      this.#backoff.reset();
      progress.offset = Math.min(Math.max(progress.offset, result.value.nextOffset), stream.size);
      progress.waitingSince = progress.offset < stream.size ? ports.clock.mono() : null;
      if (isFinal && progress.offset === stream.size) progress.isDelivered = true;
      if (result.value.limitReached) {
        await this.#giveUpRest(stream, progress, "the log has reached its limit");
      }
      return;
    }
    const failure = result.failure;
    const expected = failure.kind === "refused" ? failure.details.expectedOffset : undefined;
    if (isRefused(failure, "offset_gap") && expected !== undefined && expected <= stream.size) {
      progress.offset = expected;
    } else if (isRefused(failure, "too_large") && bytes.length > SMALLEST_PIECE) {
      this.#pieceMax = Math.max(SMALLEST_PIECE, Math.floor(bytes.length / 2));
    } else if (isFinalRefusal(failure)) {
      await this.#giveUpRest(stream, progress, failure.message);
    } else if (!(await this.#options.canGoOn(failure, "logs", this.#backoff))) {
      this.#options.fence();
    }
  }

  /** Says so in the history: a gap in a log must be visible (INV-07). Bytes still to come are told by the spool. */
  async #giveUpRest(stream: StreamFile, progress: StreamProgress, reason: string): Promise<void> {
    if (progress.isDelivered) return;
    const { ports, spool } = this.#options;
    stream.drop(reason);
    ports.log.warn("log bytes dropped", { attempt: spool.header.attemptId, step: stream.step, reason });
    const { offset: fromOffset } = progress;
    const bytes = stream.size - fromOffset;
    if (bytes > 0) {
      const data = { stream: stream.stream, fromOffset, bytes, reason };
      await spool.event({ type: "log.dropped", step: stream.step, data });
    }
    progress.isDelivered = true;
  }

  #allDelivered(): boolean {
    this.#skipDelivered();
    return this.#options.spool.streams.slice(this.#firstOpen).every((stream) => this.#isDelivered(stream));
  }

  #skipDelivered(): void {
    const { streams } = this.#options.spool;
    for (let stream = streams[this.#firstOpen]; stream !== undefined; stream = streams[this.#firstOpen]) {
      if (!this.#isDelivered(stream)) return;
      this.#firstOpen++;
    }
  }

  #isDelivered(stream: StreamFile): boolean {
    return (stream.isEnded && stream.size === 0) || this.#progress(stream).isDelivered;
  }

  #progress(stream: StreamFile): StreamProgress {
    const known = this.#options.logs.get(stream);
    if (known !== undefined) return known;
    const progress = { offset: 0, waitingSince: null, isBusy: false, isDelivered: false };
    this.#options.logs.set(stream, progress);
    return progress;
  }
}

/** 0 for due: 64 KiB, or `flushMs` old, or the last of an ended stream (M7). */
function dueInMs(stream: StreamFile, progress: StreamProgress, now: number, flushMs: number): number {
  const pending = stream.size - progress.offset;
  if (stream.isEnded) return stream.size === 0 ? Number.POSITIVE_INFINITY : 0;
  if (pending === 0) return Number.POSITIVE_INFINITY;
  if (pending >= DUE_BYTES) return 0;
  progress.waitingSince ??= now;
  return Math.max(0, progress.waitingSince + flushMs - now);
}

/** The server will never take these bytes, and does not mean the attempt. */
function isFinalRefusal(failure: CallFailure): failure is Extract<CallFailure, { kind: "refused" }> {
  return failure.kind === "refused" &&
    ["gone", "invalid", "conflict", "too_large", "forbidden", "policy"].includes(failure.code);
}
