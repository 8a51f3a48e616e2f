import { resolve } from "node:path";
import type { Surroundings } from "../run/ports.ts";
import { loadDotenv } from "./dotenv.ts";
import { joinDir } from "./actions/host.ts";
import type { RunPolicy } from "./policy.ts";

/** dotenv files are looked for in the working directory, then beside the workflow's file (P-31). */
export function newSurroundings(
  places: { readonly workDir: string; readonly sourceDir: string; readonly policy: RunPolicy },
): Surroundings {
  const base = places.sourceDir === "" ? places.workDir : places.sourceDir;
  return {
    dotenv: async (paths, workingDir, env) => {
      const dir = workingDir === null ? places.workDir : joinDir(base, workingDir);
      const refused: string[] = [];
      const open: string[] = [];
      for (const path of paths) {
        const failure = await places.policy.path(joinDir(dir, path));
        if (failure === null) open.push(path);
        else refused.push(failure.message);
      }
      const folders = places.sourceDir === "" ? [dir] : [dir, resolve(places.sourceDir)];
      const loaded = await loadDotenv(open, folders, env);
      return { ...loaded, warnings: [...refused, ...loaded.warnings] };
    },
  };
}
