/** `DAGU_LOG_DIR`: where log files of steps are kept. */
import { absolute } from "./absolute.ts";
import { UserError } from "./command.ts";

/** null: nothing is set. A folder that cannot be written is told before any run would find out. */
export async function readLogDir(env: Readonly<Record<string, string>>): Promise<string | null> {
  const text = env["DAGU_LOG_DIR"]?.trim() ?? "";
  if (text === "") return null;
  const dir = absolute(text);
  try {
    await Deno.mkdir(dir, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir, prefix: ".dagu-" }));
    return dir;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`DAGU_LOG_DIR is "${text}", where no file can be written: ${reason}`);
  }
}
