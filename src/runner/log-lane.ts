/** Sends log bytes of an attempt, one piece at a time, from whichever stream is due (M7). Two lanes share the streams. */
import type { Log } from "../run/ports.ts";
import type { RunnerClient } from "../protocol/client.ts";
import { type CallFailure, isRefused } from "../protocol/exchange.ts";
import type { Settings } from "../protocol/messages.ts";
import { type Backoff, DEFAULT_CAP_MS, newBackoff, type ResendPorts } from "../protocol/resend.ts";
import { untilDue } from "./due.ts";
import type { Spool } from "./spool.ts";
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
  /** In the order in which they were opened, without those that want nothing more: a run may have ten thousands of streams. */
  readonly #open = new Set<StreamFile>();
  /** How many of the spool's streams were looked at so far. */
  #seen = 0;

  constructor(options: LogLaneOptions) {
    this.#options = options;
    this.#backoff = newBackoff(options.ports.random, DEFAULT_CAP_MS);
    this.#pieceMax = options.settings.logChunkMax;
  }

  /** Until the attempt is complete and every stream delivered, or until the stop. */
  async run(): Promise<void> {
    const { spool, ports, stop } = this.#options;
    while (!stop.aborted) {
      await untilDue(ports.clock, spool, "logs", () => this.#isOver() ? 0 : this.#next().waitMs, stop);
      if (stop.aborted || this.#isOver()) return;
      const { stream } = this.#next();
      // The other lane has taken it.
      if (stream === null) continue;
      const progress = this.#progress(stream);
      progress.isBusy = true;
      await this.#sendPiece(stream, progress);
      progress.isBusy = false;
      // The other lane, or an event, may have waited for this stream.
      spool.touch("logs");
      spool.touch("events");
    }
  }

  #next(): { readonly stream: StreamFile | null; readonly waitMs: number } {
    let waitMs = Number.POSITIVE_INFINITY;
    const now = this.#options.ports.clock.mono();
    for (const stream of this.#undelivered()) {
      const progress = this.#progress(stream);
      if (progress.isBusy) continue;
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

  #isOver(): boolean {
    return this.#options.spool.isComplete && this.#undelivered().size === 0;
  }

  #undelivered(): ReadonlySet<StreamFile> {
    const { streams } = this.#options.spool;
    for (; this.#seen < streams.length; this.#seen++) {
      const stream = streams[this.#seen];
      if (stream !== undefined) this.#open.add(stream);
    }
    for (const stream of this.#open) if (this.#isDelivered(stream)) this.#open.delete(stream);
    return this.#open;
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
