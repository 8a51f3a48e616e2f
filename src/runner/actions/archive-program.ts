/** Compressions that the runtime does not have: the usual program of the machine does them. */
import { ActionError } from "./deed.ts";

/** `argv` reads on stdin and writes on stdout. It ends with whoever reads from here. */
export async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  argv: readonly [string, ...string[]],
): AsyncIterable<Uint8Array> {
  const [program, ...args] = argv;
  await using child = start(program, args);
  const fed = ReadableStream.from(source).pipeTo(child.stdin).then(() => null, (error: unknown) => error);
  const said = new Response(child.stderr).text();
  try {
    yield* child.stdout;
    const { success } = await child.status;
    if (!success) throw new Error((await said).trim().split("\n")[0] || `${program} failed`);
    const failure = await fed;
    if (failure !== null) throw failure;
  } finally {
    stop(child);
    await Promise.all([fed, said]);
  }
}

function start(program: string, args: readonly string[]): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ActionError(`${program} is not installed`, "install it on the runner, or use tar.gz");
  }
}

/** It has ended by itself when all of its output was read. */
function stop(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // Over already.
  }
}
