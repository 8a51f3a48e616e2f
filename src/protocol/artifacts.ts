/**
 * Artifacts of a run on their way to the control plane (control-plane contract M10). A file is announced, sent in one piece or
 * in parts, and seen by nobody before it is there whole. URLs are below the runner's base path and do not expire, so
 * that there is nothing to renew.
 */
import * as v from "valibot";
import { Count, FenceText, Natural } from "./grant.ts";

const PATH_MAX_BYTES = 1_024;
/** One request holds at most so much of a file; larger files go in parts of this size. */
export const ARTIFACT_PART_BYTES = 4_194_304;

const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be the 64 hex digits of a SHA-256"));

/** What a listing may show: relative, normalised, and nothing in it that a terminal or a file system would act on. */
export function isArtifactPath(path: string): boolean {
  return path !== "" && new TextEncoder().encode(path).length <= PATH_MAX_BYTES &&
    // deno-lint-ignore no-control-regex -- control characters are what must not be there
    !/[\x00-\x1f\x7f\\]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

export const ArtifactRequest = v.object({
  fence: Count,
  path: v.pipe(v.string(), v.check(isArtifactPath, "must be a relative path of at most 1024 bytes")),
  size: Natural,
  sha256: Digest,
  contentType: v.optional(v.pipe(v.string(), v.maxLength(255), v.regex(/^[\w.+-]+\/[\w.+-]+$/))),
});
export type ArtifactRequest = v.InferOutput<typeof ArtifactRequest>;

export const ArtifactReply = v.variant("mode", [
  /** The run has this content at this path. */
  v.object({ mode: v.literal("exists") }),
  /** One PUT of the whole content makes it complete. */
  v.object({ mode: v.literal("inline"), url: v.string() }),
  /** A PUT for each part, then `complete`. All parts but the last have `partSize` bytes. */
  v.object({ mode: v.literal("parts"), uploadId: v.string(), partSize: Natural, urls: v.array(v.string()) }),
]);
export type ArtifactReply = v.InferOutput<typeof ArtifactReply>;

/** `etag`: SHA-256 of the part as it was stored. */
export const PartReply = v.object({ etag: Digest });
export type PartReply = v.InferOutput<typeof PartReply>;

export const ArtifactComplete = v.object({
  fence: Count,
  parts: v.array(v.object({ n: v.pipe(Count, v.minValue(1)), etag: Digest })),
});
export type ArtifactComplete = v.InferOutput<typeof ArtifactComplete>;

export const ArtifactList = v.object({
  artifacts: v.array(v.object({ path: v.string(), size: Natural, sha256: Digest })),
});
export type ArtifactList = v.InferOutput<typeof ArtifactList>;

export const FenceQuery = v.object({ fence: FenceText });
