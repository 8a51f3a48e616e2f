import { isMapping } from "../../workflow/json.ts";
import { type Command, UserError, writeOut } from "../command.ts";

export const command: Command = {
  usage: "schema dag [PATH]",
  summary:
    "Prints the JSON Schema of workflow files, or of the field at PATH (for example steps.retry_policy), for editors.",
  examples: ["dagu schema dag > dagu.schema.json", "dagu schema dag steps.retry_policy"],
  options: {},
  arguments: [0, 2],
  run: async ({ positionals: [what = "dag", path = ""] }) => {
    if (what === "config") {
      throw new UserError("there is no configuration file: settings are variables (docs/cli.md)");
    }
    if (what !== "dag") throw new UserError(`there is no schema "${what}"; use: dagu schema dag`);
    const { languageSchema } = await import("../../workflow/language-schema.ts");
    const schema = languageSchema();
    const found = path === "" ? schema : select(schema, path.split("."));
    if (found === null) throw new UserError(`workflows have no field ${path}`);
    writeOut(JSON.stringify(whole(found, schema["$defs"]), null, 2));
    return 0;
  },
};

/** A part that refers to others has them with it. */
function whole(found: unknown, $defs: unknown): unknown {
  return isMapping(found) && JSON.stringify(found).includes('"$ref"') ? { ...found, $defs } : found;
}

/** Follows properties, items and references; null: there is none. */
function select(schema: Readonly<Record<string, unknown>>, keys: readonly string[]): unknown {
  let at: readonly unknown[] = [schema];
  for (const key of keys) {
    at = at.flatMap((one) => unfold(schema, one)).flatMap((one) => {
      const properties = isMapping(one) ? one["properties"] : undefined;
      return isMapping(properties) && Object.hasOwn(properties, key) ? [properties[key]] : [];
    });
  }
  return at[0] ?? null;
}

function unfold(root: Readonly<Record<string, unknown>>, schema: unknown): unknown[] {
  if (!isMapping(schema)) return [];
  const { $ref: reference, anyOf, items } = schema;
  if (typeof reference === "string") {
    const defs = root["$defs"];
    return isMapping(defs) ? unfold(root, defs[reference.replace("#/$defs/", "")]) : [];
  }
  if (Array.isArray(anyOf)) return anyOf.flatMap((one: unknown) => unfold(root, one));
  return items === undefined ? [schema] : unfold(root, items);
}
