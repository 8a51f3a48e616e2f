import type { Surroundings } from "../run/ports.ts";
import { loadDotenv } from "./dotenv.ts";
import { joinDir } from "./actions/host.ts";
import type { RunPolicy } from "./policy.ts";
import { lookupFolders, runDirectory, type RunPlaces } from "./run-directory.ts";

/** dotenv files are looked for in the working directory, then beside the workflow's file (P-31). */
export function newSurroundings(
  places: RunPlaces & { readonly policy: RunPolicy },
): Surroundings {
  return {
    dotenv: async (paths, workingDir, env) => {
      const dir = runDirectory(places, workingDir);
      const refused: string[] = [];
      const open: string[] = [];
      for (const path of paths) {
        const failure = await places.policy.path(joinDir(dir, path));
        if (failure === null) open.push(path);
        else refused.push(failure.message);
      }
      const loaded = await loadDotenv(open, lookupFolders(places, workingDir), env);
      return { ...loaded, warnings: [...refused, ...loaded.warnings] };
    },
  };
}
