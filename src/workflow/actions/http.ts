/** `http.request` (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, isScalarValue, kindOf, mapping, oneOf, text, textMap } from "../schema/fields.ts";
import { bool, defineAction, filled, seconds } from "./definition.ts";

const off = v.optional(bool, false);
const TIMEOUT_MAX = 86_400;

export const httpMethod = v.pipe(
  text,
  v.trim(),
  v.toUpperCase(),
  v.regex(/^[A-Z][A-Z-]{0,19}$/, complain("method must be a word such as GET or POST")),
);

export const httpUrl = v.pipe(
  filled,
  v.trim(),
  v.check(
    (value) => /^https?:\/\//i.test(value) && URL.canParse(value),
    complain("url must be an absolute http or https address", "write url: https://HOST/PATH"),
  ),
);

/** Values of a query or a form: a list gives the name several times. */
const manyTexts = v.pipe(
  mapping,
  v.record(
    v.string(),
    v.pipe(
      v.custom<unknown>(
        (value) => isScalarValue(value) || (Array.isArray(value) && value.every(isScalarValue)),
        (issue) => complain(`must be a string or a list of strings, got ${kindOf(issue.input)}`),
      ),
      v.transform((value): string[] => Array.isArray(value) ? value.map(String) : [String(value)]),
    ),
  ),
);

export const httpRequest = defineAction(
  v.pipe(
    fields({
      method: v.optional(httpMethod, "GET"),
      url: httpUrl,
      headers: v.optional(textMap, {}),
      query: v.optional(manyTexts, {}),
      body: v.optional(v.unknown()),
      form: v.optional(manyTexts),
      files: v.optional(textMap),
      timeout: v.optional(v.pipe(seconds, v.maxValue(TIMEOUT_MAX, complain("must be one day at most"))), 0),
      format: v.optional(oneOf(["text", "json"]), "text"),
      json: off,
      silent: off,
      debug: off,
      output: v.optional(filled),
      skip_tls_verify: off,
    }, { of: "with of http.request" }),
    v.check(
      ({ body, form, files }) => body === undefined || (form === undefined && files === undefined),
      complain("body cannot be combined with form or files", "keep one of them"),
    ),
  ),
);
