/**
 * `chat.completion`: a question to a model, its answer on stdout as it comes (workflow-language contract 6.5). All providers are
 * asked in the one form that all of them understand: OpenAI's chat completions.
 */
import * as v from "valibot";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import {
  type ChatMessage,
  type ChatModel,
  type ChatSettings,
  chatSettings,
} from "../../workflow/actions/chat.ts";
import type { With } from "../../workflow/actions/names.ts";
import { parseJson } from "../../workflow/json.ts";
import { readComplaint } from "../../workflow/schema/fields.ts";
import { ActionError, print } from "./deed.ts";
import { hostEnvironment } from "./environment.ts";
import { type HttpAnswer, openHttp } from "./http-exchange.ts";
import { readLines } from "./lines.ts";
import type { Work } from "./work.ts";

type Request = With<"chat.completion">;
type Provider = NonNullable<ChatSettings["provider"]>;

const PROVIDERS: Readonly<Record<Provider, { readonly url: string; readonly key: string | null }>> = {
  openai: { url: "https://api.openai.com/v1", key: "OPENAI_API_KEY" },
  anthropic: { url: "https://api.anthropic.com/v1", key: "ANTHROPIC_API_KEY" },
  gemini: { url: "https://generativelanguage.googleapis.com/v1beta/openai", key: "GEMINI_API_KEY" },
  openrouter: { url: "https://openrouter.ai/api/v1", key: "OPENROUTER_API_KEY" },
  local: { url: "http://localhost:11434/v1", key: null },
};

/** A model that thinks sends nothing for long. */
const SILENCE_MAX_S = 600;
const ANSWER_MAX_CHARS = 33_554_432;

export async function chatCompletion(given: Request, work: Work): Promise<Outcome> {
  const settings = settingsOf(given, work);
  const models = settings.model ?? [];
  if (models.length === 0) {
    throw new ActionError("no model is named", "give model in with, or in llm at the root");
  }
  for (const [index, model] of models.entries()) {
    const own = settingsFor(model, settings);
    const asked = await ask(doorOf(own, work), bodyOf(own, given, model.name), own, work);
    if (asked === null) return succeeded(null);
    const next = models[index + 1];
    if (next === undefined || work.signal.aborted) throw asked;
    await work.report.note("warn", `model ${model.name}: ${asked.message}; asking ${next.name}`);
  }
  return succeeded(null);
}

/** What a model says of itself comes first. Address and key belong to a provider: another one has its own. */
function settingsFor({ name: _, ...own }: ChatModel, settings: ChatSettings): ChatSettings {
  const isElsewhere = "provider" in own && own.provider !== undefined && own.provider !== settings.provider;
  const door = isElsewhere ? { base_url: undefined, api_key_name: undefined } : {};
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...settings, ...door, ...given };
}

/** Settings of the step take the place of root `llm` as a whole. */
function settingsOf({ prompt: _, messages: __, ...own }: Request, work: Work): ChatSettings {
  const written = Object.values(own).some((value) => value !== undefined);
  if (written) return own;
  const parsed = v.safeParse(chatSettings, work.attempt.scope.defaults["llm"] ?? {});
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const { message, remedy } = readComplaint(issue.message);
  throw new ActionError(`llm.${v.getDotPath(issue) ?? ""}: ${message}`, remedy);
}

interface Door {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function doorOf(settings: ChatSettings, work: Work): Door {
  const provider = PROVIDERS[settings.provider ?? (settings.base_url === undefined ? "openai" : "local")];
  const name = settings.api_key_name ?? provider.key;
  const key = name === null ? undefined : hostEnvironment(work.attempt.hostEnv, work.call)[name];
  if (name !== null && (key === undefined || key === "")) {
    throw new ActionError(
      `variable ${name} of the step, the provider's key, is not set`,
      `declare it: secrets: [{name: ${name}, provider: env, key: ${name}}], or name another with api_key_name`,
    );
  }
  const url = `${(settings.base_url ?? provider.url).replace(/\/+$/, "")}/chat/completions`;
  return { url, headers: key === undefined ? {} : { Authorization: `Bearer ${key}` } };
}

function bodyOf(
  settings: ChatSettings,
  { prompt, messages }: Request,
  model: string,
): Record<string, unknown> {
  const { system, temperature, max_tokens, top_p, thinking, stream = true } = settings;
  const asked: ChatMessage[] = [
    ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
    ...messages ?? [{ role: "user" as const, content: prompt ?? "" }],
  ];
  const effort = thinking?.enabled === true ? thinking.effort ?? "medium" : undefined;
  const budget = thinking?.enabled === true ? thinking.budget_tokens : undefined;
  const all = {
    model,
    messages: asked,
    stream,
    temperature,
    top_p,
    max_tokens,
    ...(budget === undefined
      ? { reasoning_effort: effort }
      : { thinking: { type: "enabled", budget_tokens: budget } }),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** null: answered. What went wrong before anything was printed may be tried with another model. */
async function ask(
  door: Door,
  body: Record<string, unknown>,
  settings: ChatSettings,
  work: Work,
): Promise<ActionError | null> {
  const printer = newPrinter(work);
  try {
    await using answer = await openHttp({
      method: "POST",
      url: door.url,
      headers: { ...door.headers, "content-type": "application/json" },
      query: {},
      body,
      timeout: SILENCE_MAX_S,
      format: "text",
      json: false,
      silent: false,
      debug: false,
      skip_tls_verify: false,
    }, work);
    if (answer.status < 200 || answer.status > 299) throw await refusalOf(answer);
    const isThoughtShown = settings.thinking?.include_in_output === true;
    if (body["stream"] === true && !isWhole(answer)) await takeStream(answer, isThoughtShown, printer);
    else await takeWhole(answer, isThoughtShown, printer);
    await printer.end();
    return null;
  } catch (error) {
    if (error instanceof ActionError && !printer.hasPrinted()) return error;
    throw error;
  }
}

// ---- what comes back --------------------------------------------------------------------------------------------

const Said = v.object({
  content: v.optional(v.nullable(v.string())),
  reasoning_content: v.optional(v.nullable(v.string())),
  reasoning: v.optional(v.nullable(v.string())),
});
type Said = v.InferOutput<typeof Said>;
const Refusal = v.object({ error: v.object({ message: v.string() }) });
const Piece = v.object({ choices: v.array(v.object({ delta: v.optional(Said) })) });
const Whole = v.object({ choices: v.pipe(v.array(v.object({ message: Said })), v.minLength(1)) });

interface Printer {
  say(said: Said | undefined, isThoughtShown: boolean): Promise<void>;
  end(): Promise<void>;
  hasPrinted(): boolean;
}

function newPrinter(work: Work): Printer {
  let last = "";
  return {
    say: async (said, isThoughtShown) => {
      const thought = isThoughtShown ? said?.reasoning_content ?? said?.reasoning ?? "" : "";
      const text = thought + (said?.content ?? "");
      if (text === "") return;
      last = text;
      await print(work, text);
    },
    end: async () => {
      if (last === "") {
        throw new ActionError("the model answered nothing", "raise max_tokens, or ask otherwise");
      }
      if (!last.endsWith("\n")) await print(work, "\n");
    },
    hasPrinted: () => last !== "",
  };
}

/** A service that knows no pieces answers at once, whatever it is asked for. */
function isWhole(answer: HttpAnswer): boolean {
  const kind = answer.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1][0] ?? "";
  return /^application\/json\b/i.test(kind);
}

/** Server-sent events, each a piece of the answer; `[DONE]` is the last. */
async function takeStream(answer: HttpAnswer, isThoughtShown: boolean, printer: Printer): Promise<void> {
  for await (const line of readLines(answer.body())) {
    const data = /^data: ?(.*)$/.exec(line)?.[1];
    if (data === undefined) continue;
    if (data === "[DONE]") return;
    const json = parseJson(data);
    if (v.is(Refusal, json)) throw new ActionError(json.error.message);
    const piece = v.safeParse(Piece, json);
    if (piece.success) await printer.say(piece.output.choices[0]?.delta, isThoughtShown);
  }
}

async function takeWhole(answer: HttpAnswer, isThoughtShown: boolean, printer: Printer): Promise<void> {
  const whole = v.safeParse(Whole, parseJson(await textOf(answer)));
  if (!whole.success) {
    throw new ActionError(
      "the answer is none of a chat",
      "base_url must lead to an OpenAI-compatible service",
    );
  }
  await printer.say(whole.output.choices[0]?.message, isThoughtShown);
}

async function refusalOf(answer: HttpAnswer): Promise<ActionError> {
  const text = await textOf(answer);
  const json = parseJson(text);
  const reason = v.is(Refusal, json) ? json.error.message : text.slice(0, 200).trim();
  return new ActionError(
    `the provider answered ${answer.status}${reason === "" ? "" : `: ${reason}`}`,
    answer.status === 401 ? "look at the key that api_key_name names" : "",
  );
}

async function textOf(answer: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of answer.body()) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > ANSWER_MAX_CHARS) throw new ActionError("the answer is too large", "lower max_tokens");
  }
  return text + decoder.decode();
}
