/** `s3.*` (workflow-language contract 6.5). */
import * as v from "valibot";
import { complain, fields, oneOf, text, textMap, texts } from "../schema/fields.ts";
import { bool, defineAction, filled, rootDefaults, wholeNumber } from "./definition.ts";

/** Each may come from root `s3` instead. */
const connection = {
  region: v.optional(text),
  endpoint: v.optional(text),
  access_key_id: v.optional(text),
  secret_access_key: v.optional(text),
  session_token: v.optional(text),
  profile: v.optional(text),
  bucket: v.optional(text),
  force_path_style: v.optional(bool),
  disable_ssl: v.optional(bool),
};

/** What a step's `with` and root `s3` make together. */
export const s3Settings = v.object(connection);
export type S3Settings = v.InferOutput<typeof s3Settings>;

export const rootS3 = rootDefaults(connection, "s3");

const MEBIBYTE = 1_048_576;

export const s3Upload = defineAction(
  fields({
    ...connection,
    source: filled,
    key: filled,
    content_type: v.optional(text, ""),
    cache_control: v.optional(text, ""),
    content_disposition: v.optional(text, ""),
    content_encoding: v.optional(text, ""),
    storage_class: v.optional(text, ""),
    server_side_encryption: v.optional(text, ""),
    acl: v.optional(text, ""),
    metadata: v.optional(textMap, {}),
    tags: v.optional(textMap, {}),
    /** In MiB. A larger file goes in parts of this size. */
    part_size: v.optional(v.pipe(wholeNumber(5, 1_024), v.transform((size) => size * MEBIBYTE)), 16),
  }, { of: "with of s3.upload" }),
);

export const s3Download = defineAction(
  fields({ ...connection, key: filled, destination: filled }, { of: "with of s3.download" }),
);

export const s3List = defineAction(
  fields({
    ...connection,
    prefix: v.optional(text, ""),
    /** 0: all. */
    max_keys: v.optional(wholeNumber(0), 1_000),
    recursive: v.optional(bool, false),
    output_format: v.optional(oneOf(["json", "jsonl"], true), "json"),
  }, { of: "with of s3.list" }),
);

export const s3Delete = defineAction(v.pipe(
  fields({
    ...connection,
    key: v.optional(filled),
    keys: v.optional(texts, []),
    /** Everything whose key begins with it. */
    prefix: v.optional(filled),
  }, { of: "with of s3.delete" }),
  v.check(
    ({ key, keys, prefix }) => key !== undefined || keys.length > 0 || prefix !== undefined,
    complain("key, keys or prefix is required"),
  ),
  v.check(
    ({ key, keys, prefix }) => prefix === undefined || (key === undefined && keys.length === 0),
    complain("prefix cannot be combined with key or keys"),
  ),
));
