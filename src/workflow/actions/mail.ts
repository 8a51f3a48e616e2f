/** `mail.send` (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, text, texts } from "../schema/fields.ts";
import { defineAction, filled } from "./definition.ts";

const addresses = v.pipe(
  texts,
  v.transform((list) => list.map((one) => one.trim()).filter((one) => one !== "")),
  v.minLength(1, complain("must name somebody")),
);

export const mailSend = defineAction(
  fields({
    from: filled,
    to: addresses,
    subject: v.optional(text, ""),
    message: text,
    attachments: v.optional(texts, []),
  }, { of: "with of mail.send" }),
);
