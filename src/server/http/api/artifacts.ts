/** Artifacts of a run (AP-69 to AP-71): listed as a tree, looked at, downloaded. Their bytes are a stranger's: never shown as a page. */
import { type Context, Hono } from "hono";
import { getMimeType } from "hono/utils/mime";
import { isArtifactPath } from "../../../protocol/artifacts.ts";
import { concat } from "../../../run/bytes.ts";
import type { ServerPorts } from "../../ports.ts";
import { readArtifactPart } from "../../dispatch/artifact-parts.ts";
import { type ArtifactRow, findArtifact, listArtifacts } from "../../store/artifacts.ts";
import { refused } from "../answer.ts";
import { AS_A_STRANGER } from "../stranger.ts";
import type { GuardVariables } from "../guard.ts";
import { findRun } from "../runs-read.ts";

const TEXT_MAX_BYTES = 2_097_152;
const IMAGE_MAX_BYTES = 5_242_880;
const BINARY = "application/octet-stream";

export interface ArtifactNode {
  readonly name: string;
  readonly path: string;
  readonly type: "directory" | "file";
  readonly size?: number;
  readonly children?: ArtifactNode[];
}

type Kind = "markdown" | "html" | "text" | "image" | "binary";

export function artifactRoutes(ports: ServerPorts): Hono<{ Variables: GuardVariables }> {
  const app = new Hono<{ Variables: GuardVariables }>();

  app.get("/:name/:dagRunId/artifacts", async (c) => {
    const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
    const items = toTree(await listArtifacts(ports.db, run.id));
    const isDeep = c.req.query("recursive") === "true";
    return c.json({ items: isDeep ? items : items.map(({ children: _, ...item }) => item) });
  });

  app.get("/:name/:dagRunId/artifacts/preview", async (c) => {
    const row = await find(ports, c);
    const mimeType = typeOf(row);
    const kind = await kindOf(ports, row, mimeType);
    const max = kind === "binary" ? 0 : kind === "image" ? IMAGE_MAX_BYTES : TEXT_MAX_BYTES;
    const { path, size } = row;
    const about = { name: nameOf(row), path, kind, mimeType, size };
    const isImage = kind === "image";
    if (kind === "binary" || (isImage && size > max)) {
      return c.json({ ...about, tooLarge: isImage, truncated: false });
    }
    const bytes = await readUpTo(ports, row, max);
    const content = isImage ? bytes.toBase64() : new TextDecoder().decode(bytes);
    return c.json({ ...about, tooLarge: false, truncated: size > max, content });
  });

  app.get("/:name/:dagRunId/artifacts/download", async (c) => {
    const row = await find(ports, c);
    const name = nameOf(row);
    return new Response(ReadableStream.from(partsOf(ports, row)), {
      headers: {
        "Content-Type": downloadType(typeOf(row)),
        "Content-Length": String(row.size),
        "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
        ...AS_A_STRANGER,
      },
    });
  });

  return app;
}

/** Folders before files, each by name. */
export function toTree(rows: readonly Pick<ArtifactRow, "path" | "size">[], below = ""): ArtifactNode[] {
  const folders = new Map<string, Pick<ArtifactRow, "path" | "size">[]>();
  const files: ArtifactNode[] = [];
  for (const row of rows) {
    const rest = row.path.slice(below.length);
    const slash = rest.indexOf("/");
    if (slash === -1) files.push({ name: rest, path: row.path, type: "file", size: row.size });
    else {
      const name = rest.slice(0, slash);
      const inside = folders.get(name) ?? [];
      inside.push(row);
      folders.set(name, inside);
    }
  }
  const directories = [...folders].map(([name, inside]): ArtifactNode => ({
    name,
    path: `${below}${name}`,
    type: "directory",
    children: toTree(inside, `${below}${name}/`),
  }));
  return [...directories, ...files];
}

async function find(
  ports: ServerPorts,
  c: Context<{ Variables: GuardVariables }, "/:name/:dagRunId/artifacts/preview">,
): Promise<ArtifactRow> {
  const run = await findRun(ports, c.req.param("name"), c.req.param("dagRunId"));
  const path = c.req.query("path") ?? "";
  if (!isArtifactPath(path)) {
    throw refused("bad_request", "path must be that of an artifact: relative, without ..");
  }
  const row = await findArtifact(ports.db, run.id, path);
  if (row === null) throw refused("not_found", `run ${run.name}:${run.dagRunId} has no artifact ${path}`);
  return row;
}

function nameOf({ path }: ArtifactRow): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function typeOf(row: ArtifactRow): string {
  return row.contentType === BINARY ? getMimeType(row.path) ?? BINARY : row.contentType;
}

/** By its type; a file without one is text when its beginning looks like it. */
async function kindOf(ports: ServerPorts, row: ArtifactRow, mimeType: string): Promise<Kind> {
  if (/\.(md|markdown)$/i.test(row.path)) return "markdown";
  if (mimeType.startsWith("text/html")) return "html";
  if (mimeType.startsWith("image/")) return "image";
  if (/^text\/|[/+](json|xml|yaml|javascript)\b/.test(mimeType)) return "text";
  if (mimeType !== BINARY) return "binary";
  const beginning = (await readArtifactPart(ports, row, 1) ?? new Uint8Array()).subarray(0, 8_192);
  return beginning.includes(0) ? "binary" : "text";
}

/** A script or a style sheet of ours is what a page of ours may load: by its type, what a run made is neither. */
function downloadType(mimeType: string): string {
  return /(java|ecma|j|live)script|css|wasm/i.test(mimeType) ? "text/plain; charset=utf-8" : mimeType;
}

async function readUpTo(ports: ServerPorts, row: ArtifactRow, max: number): Promise<Uint8Array<ArrayBuffer>> {
  return concat(await Array.fromAsync(partsOf(ports, row, max))).subarray(0, max);
}

/** Until there are `max` bytes, or all. */
async function* partsOf(
  ports: ServerPorts,
  row: ArtifactRow,
  max = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for (let n = 1; size < Math.min(max, row.size); n++) {
    const part = await readArtifactPart(ports, row, n);
    if (part === null) return;
    size += part.length;
    yield part;
  }
}
