/** A value that is nobody's to see: never an argument, which every process of the machine can read. */
import { UserError, writeErr } from "../command.ts";

/** What stands in the file, or comes on stdin; less a line end. */
export async function readValue(path: string | null): Promise<string> {
  if (path === null && Deno.stdin.isTerminal()) writeErr("the value, then Ctrl-D:");
  const bytes = path === null
    ? await new Response(Deno.stdin.readable).bytes()
    : await Deno.readFile(path).catch((error: Error) => {
      throw new UserError(`cannot read the value from ${path}: ${error.message}`);
    });
  let value: string;
  try {
    value = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch {
    throw new UserError("the value is not UTF-8 text; base64 makes any bytes a text");
  }
  if (value === "") throw new UserError("the value is empty");
  return value;
}
