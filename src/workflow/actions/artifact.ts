/** `artifact.*`: files that are kept with the run (workflow-language contract 4.10, 6.4). */
import * as v from "valibot";
import { complain, fields, oneOf, string, text } from "../schema/fields.ts";
import { artifactProblem } from "../schema/output.ts";
import { bool, defineAction, wholeNumber } from "./definition.ts";
import { mode } from "./file.ts";

const off = v.optional(bool, false);

const path = v.pipe(
  text,
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? artifactProblem(dataset.value) : null;
    if (problem !== null) addIssue({ message: complain(problem, "for example reports/out.txt") });
  }),
);

/** The whole directory, or a folder below it, with or without its slash. */
const folder = v.pipe(
  text,
  v.transform((value) => value === "/" ? value : value.replace(/[/\\]+$/, "")),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed && dataset.value !== "" ? artifactProblem(dataset.value) : null;
    if (problem !== null) {
      addIssue({ message: complain(problem, "leave path out, or name a folder as reports") });
    }
  }),
  v.transform((value) => value || "."),
);

export const artifactRead = defineAction(
  fields({
    path,
    format: v.optional(oneOf(["raw", "json"]), "raw"),
    max_bytes: v.optional(wholeNumber(0), 0),
  }, { of: "with of artifact.read" }),
);

export const artifactWrite = defineAction(
  fields({
    path,
    content: string,
    overwrite: off,
    atomic: v.optional(bool, true),
    mode: v.optional(mode),
  }, { of: "with of artifact.write" }),
);

export const artifactList = defineAction(
  fields({
    path: v.optional(folder, "."),
    pattern: v.optional(string, "*"),
    recursive: off,
    include_dirs: off,
  }, { of: "with of artifact.list" }),
);
