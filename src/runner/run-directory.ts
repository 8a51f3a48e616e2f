import { joinDir } from "./actions/host.ts";

export interface RunPlaces {
  readonly workDir: string;
  /** Of the workflow's file; "": it is none of this machine's. */
  readonly sourceDir: string;
}

/** Where a run's processes begin (4.6): in its own folder, or where `working_dir` leads from the workflow's file. */
export function runDirectory({ workDir, sourceDir }: RunPlaces, workingDir: string | null): string {
  return workingDir === null ? workDir : joinDir(sourceDir === "" ? workDir : sourceDir, workingDir);
}

/** Where relative files of a workflow are looked for: there first, then beside the workflow's file (P-31, P-35). */
export function lookupFolders(places: RunPlaces, workingDir: string | null): readonly string[] {
  const first = runDirectory(places, workingDir);
  return places.sourceDir === "" ? [first] : [first, places.sourceDir];
}
