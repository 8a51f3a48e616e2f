/** `template.render` (workflow-language contract 6.4, sharp rule 20). */
import * as v from "valibot";
import { complain, fields, mapping, string } from "../schema/fields.ts";
import { templateProblem } from "../template.ts";
import { defineAction, filled } from "./definition.ts";

/** A reference that found no value is left as it was written. */
const LEFT = /^\$\{[^{}]*\}$/;

const template = v.pipe(
  string,
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? templateProblem(dataset.value) : null;
    if (problem !== null) addIssue({ message: complain(`template: ${problem}`, "correct the template") });
  }),
);

const reference = v.pipe(
  string,
  v.check(
    (value) => !LEFT.test(value.trim()),
    complain("template_ref has no value", "refer to a param, a const or an output that is there"),
  ),
);

export const templateRender = defineAction(
  v.pipe(
    fields({
      template: v.optional(template),
      template_ref: v.optional(reference),
      data: v.optional(mapping, {}),
      output: v.optional(filled),
    }, { of: "with of template.render" }),
    v.check(
      ({ template, template_ref }) => template !== undefined || template_ref !== undefined,
      complain(
        "template.render needs template or template_ref",
        "write the template, or name a value that holds it",
      ),
    ),
    v.check(
      ({ template, template_ref }) => template === undefined || template_ref === undefined,
      complain("template and template_ref are mutually exclusive", "keep one of them"),
    ),
    v.transform(({ template, template_ref, data, output }) => ({
      template: template ?? template_ref ?? "",
      data,
      output,
    })),
  ),
  { literal: ["template"], references: ["template_ref"] },
);
