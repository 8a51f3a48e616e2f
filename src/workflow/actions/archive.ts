/** `archive.*`: many files as one (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, texts } from "../schema/fields.ts";
import { bool, defineAction, filled, wholeNumber } from "./definition.ts";
import { own } from "../own.ts";

export const ARCHIVE_FORMATS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"] as const;
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

const SHORT: Readonly<Record<string, ArchiveFormat>> = {
  tgz: "tar.gz",
  tbz2: "tar.bz2",
  tbz: "tar.bz2",
  txz: "tar.xz",
  tzst: "tar.zst",
};

const UNKNOWN = complain(
  `format must be one of: ${ARCHIVE_FORMATS.join(", ")}`,
  "leave format out where the file's name tells it",
);

/** With or without its dot; undefined: the name of the file tells it. */
const format = v.optional(v.pipe(
  filled,
  v.transform((value) => value.trim().toLowerCase().replace(/^\./, "")),
  v.transform((value) => own(SHORT, value) ?? value),
  v.picklist(ARCHIVE_FORMATS, UNKNOWN),
));

const off = v.optional(bool, false);
const globs = v.optional(texts, []);

const common = {
  source: filled,
  format,
  password: v.optional(filled),
  include: globs,
  exclude: globs,
  verify_integrity: off,
};

const copying = {
  overwrite: off,
  strip_components: v.optional(wholeNumber(0, 1_000), 0),
  preserve_paths: v.optional(bool, true),
  dry_run: off,
};

export const archiveCreate = defineAction(
  fields({
    ...common,
    ...copying,
    destination: filled,
    compression_level: v.optional(wholeNumber(-1, 9), -1),
  }, {
    of: "with of archive.create",
  }),
);

export const archiveExtract = defineAction(
  fields({ ...common, ...copying, destination: v.optional(filled, ".") }, { of: "with of archive.extract" }),
);

export const archiveList = defineAction(fields(common, { of: "with of archive.list" }));
