import { resolve } from "node:path";
import type { Surroundings } from "../run/ports.ts";
import { loadDotenv } from "./dotenv.ts";
import { joinDir } from "./actions/host.ts";

/** dotenv files are looked for in the working directory, then beside the workflow's file (P-31). */
export function newSurroundings(
  places: { readonly workDir: string; readonly sourceDir: string },
): Surroundings {
  const base = places.sourceDir === "" ? places.workDir : places.sourceDir;
  return {
    dotenv: (paths, workingDir, env) => {
      const dir = workingDir === null ? places.workDir : joinDir(base, workingDir);
      return loadDotenv(paths, places.sourceDir === "" ? [dir] : [dir, resolve(places.sourceDir)], env);
    },
  };
}
