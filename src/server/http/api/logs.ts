/** Step logs (AP-66 to AP-68): by lines, as raw bytes, followed live. Read from the store in bounded pieces. */
import { isLogOver } from "../../../run/status.ts";
import { Hono } from "hono";
import * as v from "valibot";
import type { ServerPorts } from "../../ports.ts";
import {
  findLine,
  type LogStream,
  type LogView,
  type LogWanted,
  readLog,
  viewLog,
} from "../../store/logs.ts";
import { refused } from "../answer.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun } from "../runs-read.ts";
import { sse, type SseWriter } from "../sse.ts";
import { AS_A_STRANGER } from "../stranger.ts";
import { naturalOf } from "./dag-runs.ts";

const PIECE_BYTES = 262_144;
/** Lines may be as long as a log. */
const ANSWER_MAX_CHARS = 8_388_608;
const DEFAULT_LINES = 1_000;
/** The largest number that the database has for one. */
const ATTEMPT_MAX = 2_147_483_647;
const Stream = v.picklist(["stdout", "stderr"]);

export function logRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/:name/:dagRunId/steps/:step/log", async (c) => {
    const { stream } = (await find(ports, c.req.param(), c.req.query())).view;
    const query = c.req.query();
    const total = await countLines(ports, stream);
    const limit = naturalOf(query["limit"], DEFAULT_LINES, 10_000);
    const tail = naturalOf(query["tail"], 0, 10_000);
    const head = naturalOf(query["head"], 0, 10_000);
    const first = tail > 0
      ? Math.max(0, total - tail)
      : Math.max(0, naturalOf(query["offset"], 1, Number.MAX_SAFE_INTEGER) - 1);
    const count = tail > 0 ? tail : head > 0 ? head : limit;
    const lines = stream === null ? [] : await readLines(ports, stream, first, count);
    return c.json({
      content: lines.join("\n"),
      lineCount: lines.length,
      totalLines: total,
      hasMore: first + lines.length < total,
    });
  });

  app.get("/:name/:dagRunId/steps/:step/log/download", async (c) => {
    const { stream } = (await find(ports, c.req.param(), c.req.query())).view;
    const name = `${c.req.param("name")}-${c.req.param("dagRunId")}-${c.req.param("step")}.log`.replace(
      /[^\w.-]/g,
      "_",
    );
    return new Response(stream === null ? null : bytesOf(ports, stream), {
      headers: {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": `attachment; filename="${name}"`,
        ...AS_A_STRANGER,
      },
    });
  });

  app.get("/:name/:dagRunId/steps/:step/log/stream", async (c) => {
    const { place, view } = await find(ports, c.req.param(), c.req.query());
    const from = c.req.header("Last-Event-ID") ?? c.req.query("fromOffset");
    const offset = naturalOf(from, 0, Number.MAX_SAFE_INTEGER);
    return sse(
      c.req.raw.signal,
      ports,
      (writer, signal) => follow(ports, place, view, offset, writer, signal),
    );
  });

  return app;
}

async function find(
  ports: ServerPorts,
  params: { readonly name: string; readonly dagRunId: string; readonly step: string },
  query: Readonly<Record<string, string>>,
): Promise<{ place: LogWanted; view: LogView }> {
  const run = await findRun(ports, params.name, params.dagRunId);
  const name = query["stream"] ?? "stdout";
  if (!v.is(Stream, name)) throw refused("bad_request", `stream must be stdout or stderr, got "${name}"`);
  const attempt = naturalOf(query["attempt"], 0, ATTEMPT_MAX);
  const place = { runId: run.id, step: params.step, stream: name, ...(attempt === 0 ? {} : { attempt }) };
  const view = await viewLog(ports.db, place);
  if (view === null || view.step === null) {
    throw refused("not_found", `run ${run.name}:${run.dagRunId} has no step "${params.step}"`);
  }
  return { place, view };
}

/** A last line without its end counts too. */
async function countLines(ports: ServerPorts, stream: LogStream | null): Promise<number> {
  if (stream === null || stream.stored === 0) return 0;
  const last = (await readLog(ports.db, stream.id, stream.stored - 1, 1)).at(-1);
  return stream.lines + (last === 10 ? 0 : 1);
}

/**
 * Lines from `first` on, up to `count` of them, and no more text than fits into an answer: where that is full, the last
 * line is cut.
 */
async function readLines(
  ports: ServerPorts,
  stream: LogStream,
  first: number,
  count: number,
): Promise<string[]> {
  const start = first === 0 ? { offset: 0, line: 0 } : await findLine(ports.db, stream.id, first);
  const decoder = new TextDecoder();
  const lines: string[] = [];
  let begun: string[] = [];
  let line = start.line;
  let offset = start.offset;
  let room = ANSWER_MAX_CHARS;
  const begin = (text: string): void => {
    if (line < first) return;
    begun.push(text.slice(0, room));
    room = Math.max(0, room - text.length);
  };
  const end = (): void => {
    if (line >= first) lines.push(begun.join(""));
    begun = [];
    line++;
  };
  while (lines.length < count && room > 0 && offset < stream.stored) {
    const piece = await readLog(ports.db, stream.id, offset, PIECE_BYTES);
    if (piece.length === 0) break;
    offset += piece.length;
    const [rest = "", ...others] = decoder.decode(piece, { stream: true }).split("\n");
    begin(rest);
    for (const other of others) {
      end();
      if (lines.length === count || room === 0) break;
      begin(other);
    }
  }
  if (lines.length < count && begun.some((text) => text !== "")) end();
  return lines;
}

/** A pull at a time: the reader's pace is the store's. */
function bytesOf(ports: ServerPorts, stream: LogStream): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    async pull(controller) {
      const piece = await readLog(ports.db, stream.id, offset, PIECE_BYTES);
      offset += piece.length;
      if (piece.length === 0) controller.close();
      else controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}

/**
 * `chunk` events with base64 bytes, the id being the offset after them, so that a reconnect goes on exactly there; `end`
 * when the step is over and everything was sent.
 */
async function follow(
  ports: ServerPorts,
  place: LogWanted,
  first: LogView,
  from: number,
  writer: SseWriter,
  signal: AbortSignal,
): Promise<void> {
  let offset = from;
  let followed = first.stream?.id;
  // The end is looked at before the bytes are read: what was written until then is sent before the end is told.
  for (let view: LogView | null = first; !signal.aborted; view = await viewLog(ports.db, place)) {
    const stream = view?.stream ?? null;
    // Another attempt writes to a log of its own.
    if (followed !== undefined && stream !== null && stream.id !== followed) offset = 0;
    followed = stream?.id ?? followed;
    const piece = stream === null || stream.stored <= offset
      ? new Uint8Array()
      : await readLog(ports.db, stream.id, offset, PIECE_BYTES);
    if (piece.length > 0) {
      offset += piece.length;
      await writer.send("chunk", piece.toBase64(), String(offset));
      if (stream === null || !stream.isFinal || offset < stream.stored) continue;
    }
    if (view === null || view.isEarlier || isLogOver(view.runStatus, view.step)) {
      return await writer.send("end", "", String(offset));
    }
    await ports.wake.wait([`run:${place.runId}`], 1_000, signal);
  }
}
