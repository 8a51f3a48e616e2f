/** `wait.*`: steps that end when something has come about (workflow-language contract 6.4). */
import * as v from "valibot";
import { parseDuration } from "../duration.ts";
import { readInstant } from "../instant.ts";
import { complain, fields, oneOf, text, textMap } from "../schema/fields.ts";
import { defineAction, filled, wholeNumber } from "./definition.ts";
import { httpMethod, httpUrl } from "./http.ts";

/** In milliseconds. */
const duration = v.pipe(
  text,
  v.transform(parseDuration),
  v.check(
    (ms) => ms !== null && ms > 0,
    complain("must be a duration above zero", "write it as 30s, 5m or 1h30m"),
  ),
  v.transform((ms) => ms ?? 0),
);

/** RFC 3339, in epoch milliseconds. */
const instant = v.pipe(
  text,
  v.trim(),
  v.regex(
    /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/,
    complain("until must be an RFC 3339 time", "for example 2026-08-01T09:00:00Z"),
  ),
  v.transform((value) => readInstant(value.replace(" ", "T")) ?? Number.NaN),
  v.finite(complain("until is no time of the calendar", "for example 2026-08-01T09:00:00Z")),
);

const pollInterval = v.optional(duration, "1s");

export const waitDuration = defineAction(fields({ duration }, { of: "with of wait.duration" }));

export const waitUntil = defineAction(fields({ until: instant }, { of: "with of wait.until" }));

export const waitFile = defineAction(
  fields({
    path: filled,
    state: v.optional(oneOf(["exists", "missing"], true), "exists"),
    poll_interval: pollInterval,
  }, { of: "with of wait.file" }),
);

export const waitHttp = defineAction(
  fields({
    url: httpUrl,
    method: v.optional(httpMethod, "GET"),
    status: v.optional(wholeNumber(100, 599), 200),
    headers: v.optional(textMap, {}),
    body: v.optional(text),
    poll_interval: pollInterval,
    request_timeout: v.optional(duration, "10s"),
  }, { of: "with of wait.http" }),
);
