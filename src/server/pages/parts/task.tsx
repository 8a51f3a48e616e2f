import type { FC } from "hono/jsx";
import { isMapping } from "../../../workflow/json.ts";
import type { NodeShape } from "../../http/node-shape.ts";

/** What a waiting step asks of a person, by the form's schema: the same that the API takes. */
export const Task: FC<{ node: NodeShape; action: string; problem: string | null }> = (
  { node, action, problem },
) => (
  <form method="post" action={action} class="task">
    <p>
      <strong>{node.step.name}</strong> waits: {node.prompt}
    </p>
    {problem === null ? null : <p class="failure">{problem}</p>}
    {fieldsOf(node.form).map((field, index) => (
      // Where somebody is writing, the page is not replaced: what was wrong stays to be read.
      <Field field={field} hasFocus={problem !== null && index === 0} />
    ))}
    {node.waitingFor === "approval"
      ? (
        <>
          <button type="submit" name="decision" value="approve">Approve</button>
          {/* What an approval needs, nobody has to fill in who does not approve. */}
          <button type="submit" name="decision" value="push-back" formnovalidate>Push back</button>
          <button type="submit" name="decision" value="reject" formnovalidate>Reject</button>
        </>
      )
      : <button type="submit" name="decision" value="complete">Complete</button>}
  </form>
);

interface FormField {
  readonly name: string;
  readonly title: string;
  readonly hint: string;
  readonly type: unknown;
  readonly isRequired: boolean;
  /** None: whatever the type takes. */
  readonly options: readonly { readonly value: string; readonly title: string }[];
  readonly value: string;
}

/** Fields of inputs are `input.NAME`, so that none is taken for another part of the form. */
export const INPUT_PREFIX = "input.";

const Field: FC<{ field: FormField; hasFocus: boolean }> = ({ field, hasFocus }) => {
  const name = `${INPUT_PREFIX}${field.name}`;
  return (
    <p>
      <label for={name}>{field.title}</label>
      {field.options.length === 0
        ? (
          <input
            id={name}
            name={name}
            value={field.value}
            required={field.isRequired}
            autofocus={hasFocus}
            {...(field.type === "number" || field.type === "integer" ? { inputmode: "decimal" } : {})}
          />
        )
        : (
          <select id={name} name={name} required={field.isRequired} autofocus={hasFocus}>
            {field.isRequired ? null : <option value=""></option>}
            {field.options.map(({ value, title }) => (
              <option value={value} selected={value === field.value}>{title}</option>
            ))}
          </select>
        )}
      {field.hint === "" ? null : <span class="muted">{field.hint}</span>}
    </p>
  );
};

function fieldsOf(form: NodeShape["form"]): FormField[] {
  const properties = form?.["properties"];
  const required = form?.["required"];
  return Object.entries(isMapping(properties) ? properties : {}).map(([name, property]) => {
    const about = isMapping(property) ? property : {};
    return {
      name,
      title: textOf(about["title"]) || name,
      hint: textOf(about["description"]),
      type: about["type"],
      isRequired: Array.isArray(required) && required.includes(name) && about["default"] === undefined,
      options: optionsOf(about),
      value: textOf(about["default"]),
    };
  });
}

function optionsOf(about: Readonly<Record<string, unknown>>): FormField["options"] {
  if (Array.isArray(about["enum"])) {
    return about["enum"].map((one) => ({ value: String(one), title: String(one) }));
  }
  if (Array.isArray(about["oneOf"])) {
    return about["oneOf"].filter(isMapping).map((one) => ({
      value: textOf(one["const"]),
      title: textOf(one["title"]) || textOf(one["const"]),
    }));
  }
  return about["type"] === "boolean" ? ["true", "false"].map((value) => ({ value, title: value })) : [];
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
