/** `template.render`: a text from a template and data, printed or written to a file. */
import { dirname } from "node:path";
import { succeeded } from "../../run/outcome.ts";
import type { Outcome } from "../../run/ports.ts";
import type { With } from "../../workflow/actions/names.ts";
import { renderTemplate } from "../../workflow/template.ts";
import { ActionError, print } from "./deed.ts";
import { write } from "./file.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

const MODE = 0o600;

export async function templateRender(given: With<"template.render">, work: Work): Promise<Outcome> {
  const rendered = renderTemplate(given.template, given.data);
  if (!rendered.ok) throw new ActionError(rendered.message, "correct the template, or add the key to data");
  if (given.output === undefined) {
    await print(work, rendered.text);
  } else {
    const path = joinDir(stepDir(work), given.output);
    await Deno.mkdir(dirname(path), { recursive: true });
    await write(path, new TextEncoder().encode(rendered.text), MODE, true, work);
  }
  return succeeded(null);
}
