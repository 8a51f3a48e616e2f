/** `chat.completion` (workflow-language contract 6.5), and root `llm`, which stands in for its settings. */
import * as v from "valibot";
import { isMapping } from "../json.ts";
import { complain, fields, oneOf, text } from "../schema/fields.ts";
import { anyNumber, bool, defineAction, filled, rootDefaults, wholeNumber } from "./definition.ts";

export const CHAT_PROVIDERS = ["openai", "anthropic", "gemini", "openrouter", "local"] as const;

const refused = (what: string) =>
  v.pipe(
    v.unknown(),
    v.check(
      (value) => value === false || (Array.isArray(value) && value.length === 0),
      complain(`${what} are not supported`, "leave it out; call what the model needs in a step before"),
    ),
  );

/** What each model of several may have of its own. */
const own = {
  provider: v.optional(oneOf(CHAT_PROVIDERS)),
  temperature: v.optional(anyNumber(0, 2)),
  max_tokens: v.optional(wholeNumber(1)),
  top_p: v.optional(anyNumber(0, 1)),
  base_url: v.optional(filled),
  api_key_name: v.optional(filled),
};

const namedModel = v.pipe(filled, v.transform((name) => ({ name })));
const describedModel = fields({ name: filled, ...own }, { of: "a model" });
export type ChatModel = v.InferOutput<typeof describedModel> | v.InferOutput<typeof namedModel>;

const models = v.pipe(
  v.unknown(),
  v.transform((value) => Array.isArray(value) ? value : [value]),
  v.array(v.lazy((value) => isMapping(value) ? describedModel : namedModel)),
  v.minLength(1, complain("must name a model")),
);

const settings = {
  ...own,
  /** Of several the first that answers. */
  model: v.optional(models),
  system: v.optional(text),
  stream: v.optional(bool),
  thinking: v.optional(
    fields({
      enabled: v.optional(bool, true),
      effort: v.optional(oneOf(["low", "medium", "high", "xhigh"])),
      budget_tokens: v.optional(wholeNumber(1)),
      include_in_output: v.optional(bool, false),
    }, { of: "thinking" }),
  ),
  tools: v.optional(refused("tools of a model")),
  web_search: v.optional(refused("searches of a model")),
};

/** Of root `llm`, once its references are resolved. */
export const chatSettings = fields(settings, { of: "llm" });
export type ChatSettings = v.InferOutput<typeof chatSettings>;

export const rootChat = rootDefaults(settings, "llm");

const message = fields({
  role: oneOf(["system", "user", "assistant"]),
  content: text,
}, { of: "a message" });
export type ChatMessage = v.InferOutput<typeof message>;

export const chatCompletion = defineAction(
  v.pipe(
    fields({
      prompt: v.optional(filled),
      messages: v.optional(
        v.pipe(v.array(message, complain("must be a list")), v.minLength(1, complain("must not be empty"))),
      ),
      ...settings,
    }, { of: "with of chat.completion" }),
    v.check(
      ({ prompt, messages }) => (prompt === undefined) !== (messages === undefined),
      complain("chat.completion needs exactly one of prompt and messages"),
    ),
  ),
);
