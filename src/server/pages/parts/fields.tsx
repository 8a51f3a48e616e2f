/** The fields of a form, by its JSON Schema: of what a step asks, and of what a start takes. */
import type { FC } from "hono/jsx";
import { isMapping } from "../../../workflow/json.ts";
import { own } from "../../../workflow/own.ts";

type Form = Readonly<Record<string, unknown>> | null;

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

/** What was sent of them; fields that were left empty are left out. */
export function wordsIn(sent: FormData): Record<string, string> {
  return Object.fromEntries(
    [...sent].flatMap(([key, value]) =>
      key.startsWith(INPUT_PREFIX) && typeof value === "string" && value !== ""
        ? [[key.slice(INPUT_PREFIX.length), value]]
        : []
    ),
  );
}

/**
 * `given`: what stands in them instead of the defaults. `hasFocus`: the first one is where a person writes. `of`: tells
 * them from those of another form of the page.
 */
export const Fields: FC<{
  form: Form;
  of?: string;
  hasFocus?: boolean;
  given?: Readonly<Record<string, string>>;
}> = ({ form, of = "", hasFocus = false, given = {} }) => (
  <>
    {fieldsOf(form).map((field, index) => (
      <Field
        field={{ ...field, value: own(given, field.name) ?? field.value }}
        id={`${of}${INPUT_PREFIX}${field.name}`}
        hasFocus={hasFocus && index === 0}
      />
    ))}
  </>
);

const Field: FC<{ field: FormField; id: string; hasFocus: boolean }> = ({ field, id, hasFocus }) => {
  const name = `${INPUT_PREFIX}${field.name}`;
  const about = [field.isRequired ? "required" : "", field.hint].filter((part) => part !== "").join(" · ");
  const told = about === "" ? {} : { "aria-describedby": `${id}.about` };
  return (
    <p class="field">
      <label for={id}>{field.title}</label>
      {field.options.length === 0
        ? (
          <input
            id={id}
            name={name}
            {...told}
            value={field.value}
            required={field.isRequired}
            autofocus={hasFocus}
            {...(field.type === "number" || field.type === "integer" ? { inputmode: "decimal" } : {})}
          />
        )
        : (
          <select id={id} name={name} {...told} required={field.isRequired} autofocus={hasFocus}>
            {field.isRequired ? null : <option value=""></option>}
            {field.options.map(({ value, title }) => (
              <option value={value} selected={value === field.value}>{title}</option>
            ))}
          </select>
        )}
      {about === "" ? null : <span class="muted" id={`${id}.about`}>{about}</span>}
    </p>
  );
};

function fieldsOf(form: Form): FormField[] {
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
