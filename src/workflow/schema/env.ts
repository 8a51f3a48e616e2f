import * as v from "valibot";
import { isMapping } from "../json.ts";
import { insertionText } from "../select.ts";
import type { NamedText } from "../workflow.ts";
import { complain, isScalarValue, issuePath, kindOf, quote } from "./fields.ts";

export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `env` in all its shapes: map, list of maps, list of `KEY=value`, mixed (3.3, containers contract 2.5). In source order. */
export const env = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, NamedText[]>(({ dataset, addIssue, NEVER }) => {
    const entries: NamedText[] = [];
    const complaints: { readonly at: (string | number)[]; readonly message: string }[] = [];
    const add = (at: (string | number)[], name: string, value: unknown): void => {
      const broken = checkEntry(name, value);
      if (broken === null) entries.push({ name, value: value === null ? "" : insertionText(value) });
      else complaints.push({ at, message: broken });
    };
    const root: unknown = dataset.value;
    if (Array.isArray(root)) root.forEach((item: unknown, index) => readItem(item, index, add, complaints));
    else if (isMapping(root)) { for (const [name, value] of Object.entries(root)) add([name], name, value); }
    else complaints.push({ at: [], message: complain(`env must be map or array, got ${kindOf(root)}`) });
    for (const { at, message } of complaints) addIssue({ message, ...issuePath(at) });
    return complaints.length > 0 ? NEVER : entries;
  }),
);

function readItem(
  item: unknown,
  index: number,
  add: (at: (string | number)[], name: string, value: unknown) => void,
  complaints: { at: (string | number)[]; message: string }[],
): void {
  if (isMapping(item)) {
    for (const [name, value] of Object.entries(item)) add([index, name], name, value);
    return;
  }
  const split = isScalarValue(item) ? String(item).indexOf("=") : -1;
  if (!isScalarValue(item) || split === -1) {
    const message = complain(`expected KEY=value, got ${quote(item)}`, "write KEY=value or KEY: value");
    complaints.push({ at: [index], message });
    return;
  }
  add([index], String(item).slice(0, split), String(item).slice(split + 1));
}

function checkEntry(name: string, value: unknown): string | null {
  if (!NAME.test(name)) {
    return complain(
      `env name ${quote(name)} is invalid`,
      "names are letters, digits and _, not beginning with a digit",
    );
  }
  return value === null || isScalarValue(value)
    ? null
    : complain(`env value of ${name} must be a scalar, got ${kindOf(value)}`);
}
