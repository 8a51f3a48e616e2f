/** `http.request`: one request; what came back is printed, as text or as JSON (workflow-language contract 6.5). */
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError, print } from "./deed.ts";
import { exactJson, parseExact } from "./exact-json.ts";
import { type HttpAnswer, openHttp } from "./http-exchange.ts";
import { writeStream } from "./file-stream.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

type Request = With<"http.request">;

/** A JSON result is put together in memory. */
const JSON_BODY_MAX = 33_554_432;

export async function httpRequest(given: Request, work: Work): Promise<Outcome> {
  await using answer = await openHttp(given, work);
  const isGood = answer.status >= 200 && answer.status <= 299;
  // The page that tells an error is no download.
  const file = isGood && given.output !== undefined ? joinDir(stepDir(work), given.output) : null;
  const isBrief = given.silent && isGood;
  if (given.json || given.format === "json") await tellJson(answer, isBrief, file, work);
  else await tellText(answer, isBrief, file, work);
  if (!isGood) {
    const message = `http status code not 2xx: ${answer.status}`;
    throw new ActionError(message, "the response is in the step's output");
  }
  return succeeded(null);
}

async function tellText(
  answer: HttpAnswer,
  isBrief: boolean,
  file: string | null,
  work: Work,
): Promise<void> {
  if (!isBrief) {
    const headers = answer.headers.flatMap(([name, values]) => values.map((value) => `${name}: ${value}\n`));
    await print(work, `HTTP/1.1 ${answer.status} ${answer.reason}`.trimEnd() + `\n${headers.join("")}\n`);
  }
  if (file !== null) return await writeStream(file, answer.body(), work);
  for await (const bytes of answer.body()) await work.sink.write("stdout", bytes);
}

async function tellJson(
  answer: HttpAnswer,
  isBrief: boolean,
  file: string | null,
  work: Work,
): Promise<void> {
  const head = isBrief ? {} : { status_code: answer.status, headers: Object.fromEntries(answer.headers) };
  if (file === null) {
    const result = { ...head, body: readBody(await collect(answer)) };
    return await print(work, `${exactJson(result, 2)}\n`);
  }
  await writeStream(file, answer.body(), work);
  await print(work, `${JSON.stringify({ ...head, output: file }, null, 2)}\n`);
}

async function collect(answer: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const bytes of answer.body()) {
    size += bytes.length;
    if (size > JSON_BODY_MAX) {
      throw new ActionError(
        `the response is larger than ${JSON_BODY_MAX} bytes`,
        "save it with output: FILE",
      );
    }
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

function readBody(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}
