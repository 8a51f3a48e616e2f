/** `file.*`: files and folders of the runner's machine (workflow-language contract 6.4). */
import * as v from "valibot";
import { complain, fields, kindOf, oneOf, string } from "../schema/fields.ts";
import { bool, defineAction, filled, wholeNumber } from "./definition.ts";

const path = filled;
const off = v.optional(bool, false);

/** `644`, `0644` and `0o644` mean the same; a YAML number is read by its digits. */
export const mode = v.pipe(
  v.unknown(),
  v.transform((value): unknown => typeof value === "number" ? String(value) : value),
  v.custom<string>(
    (value) => typeof value === "string" && /^(0o)?[0-7]{1,5}$/.test(value),
    (issue) => complain(`mode must be octal text such as 0644, got ${kindOf(issue.input)}`),
  ),
  v.transform((value) => Number.parseInt(value.replace(/^0o/, ""), 8)),
);

export const fileStat = defineAction(
  fields({ path, missing_ok: off, follow_symlinks: off }, { of: "with of file.stat" }),
);

export const fileRead = defineAction(
  fields({
    path,
    format: v.optional(oneOf(["raw", "json"]), "raw"),
    max_bytes: v.optional(wholeNumber(0), 0),
  }, {
    of: "with of file.read",
  }),
);

export const fileWrite = defineAction(
  fields({
    path,
    content: string,
    overwrite: off,
    create_dirs: off,
    atomic: v.optional(bool, true),
    mode: v.optional(mode),
    dry_run: off,
  }, { of: "with of file.write" }),
);

const twoPlaces = {
  source: filled,
  destination: filled,
  overwrite: off,
  create_dirs: off,
  dry_run: off,
};

export const fileCopy = defineAction(
  fields({ ...twoPlaces, recursive: off, follow_symlinks: off }, { of: "with of file.copy" }),
);
export const fileMove = defineAction(fields(twoPlaces, { of: "with of file.move" }));

export const fileDelete = defineAction(
  fields({ path, recursive: off, missing_ok: off, dry_run: off }, { of: "with of file.delete" }),
);

export const fileMkdir = defineAction(
  fields({ path, create_dirs: v.optional(bool, true), mode: v.optional(mode), dry_run: off }, {
    of: "with of file.mkdir",
  }),
);

export const fileList = defineAction(
  fields({
    path,
    pattern: v.optional(string, "*"),
    recursive: off,
    include_dirs: off,
    follow_symlinks: off,
  }, { of: "with of file.list" }),
);
