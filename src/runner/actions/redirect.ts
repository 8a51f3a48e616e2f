/** Files and artifacts that a step's streams go to, and files that its outputs are read from (4.8, 4.9, 4.10). */
import { dirname, join, relative } from "node:path";
import type { Failure } from "../../run/failure.ts";
import type { Redirect, RedirectTarget } from "../../run/ports.ts";
import { artifactProblem } from "../../workflow/schema/output.ts";
import { isNamedPipe } from "../pipe.ts";
import { joinDir } from "./host.ts";

export async function openRedirect(
  target: RedirectTarget,
  stepDir: string,
  artifactsDir: string | null,
): Promise<Redirect | Failure> {
  const place = target.kind === "file"
    ? joinDir(stepDir, target.path)
    : await artifactPlace(target.path, artifactsDir);
  if (typeof place !== "string") return place;
  try {
    await Deno.mkdir(dirname(place), { recursive: true });
    if (await isNamedPipe(place)) throw new Error("it is a pipe");
    const isAppended = target.kind === "file";
    const file = await Deno.open(place, {
      write: true,
      create: true,
      append: isAppended,
      truncate: !isAppended,
      mode: 0o600,
    });
    return newRedirect(file);
  } catch (error) {
    const message = `cannot write to ${place}: ${error instanceof Error ? error.message : String(error)}`;
    return { code: "INPUT_INVALID", message, remedy: "name a file that the runner may write" };
  }
}

function newRedirect(file: Deno.FsFile): Redirect {
  return {
    write: async (bytes) => {
      for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(file.close()),
  };
}

/** S-64: inside the run's artifact directory, also after symlinks were followed. */
export async function artifactPlace(path: string, artifactsDir: string | null): Promise<string | Failure> {
  if (artifactsDir === null) {
    return invalid("the run has no artifact directory", "set artifacts.enabled: true");
  }
  const problem = artifactProblem(path);
  if (problem !== null) return invalid(problem, "for example reports/out.txt");
  const place = join(artifactsDir, path);
  await Deno.mkdir(artifactsDir, { recursive: true });
  const root = await Deno.realPath(artifactsDir);
  for (let at = place; at !== artifactsDir; at = dirname(at)) {
    const real = await Deno.realPath(at).catch(() => null);
    // A link to what is not there yet would be followed by the write.
    const isLink = real === null && (await Deno.lstat(at).catch(() => null))?.isSymlink === true;
    if (isLink) return invalid(`artifact path escapes artifact directory: ${path}`, "remove the symlink");
    if (real === null) continue;
    const way = relative(root, real);
    if (way === ".." || way.startsWith("../")) {
      return invalid(`artifact path escapes artifact directory: ${path}`, "remove the symlink");
    }
    break;
  }
  return place;
}

export async function readTextFile(
  path: string,
  stepDir: string,
  maxBytes: number,
): Promise<string | Failure> {
  const place = joinDir(stepDir, path);
  try {
    const { size, isFile } = await Deno.stat(place);
    if (!isFile) return invalid(`${place} is not a regular file`, "correct path");
    if (size > maxBytes) {
      return invalid(`${place} exceeds maximum size limit of ${maxBytes} bytes`, "raise max_output_size");
    }
    return await Deno.readTextFile(place);
  } catch {
    return invalid(`cannot read ${place}`, "write the file in the step, or correct path");
  }
}

function invalid(message: string, remedy: string): Failure {
  return { code: "OUTPUT_INVALID", message, remedy };
}
