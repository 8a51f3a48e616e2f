import { newLineCutter } from "../../run/lines.ts";

/** Lines of a stream of bytes, without their ends; an unfinished last one counts when it is not empty. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  const cutter = newLineCutter();
  for await (const bytes of stream) {
    for (const line of cutter.add(decoder.decode(bytes, { stream: true }))) {
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  }
  cutter.add(decoder.decode());
  const rest = cutter.end();
  if (rest !== "") yield rest;
}
