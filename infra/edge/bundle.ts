/** Bundles src/edge.ts for workerd: `deno task bundle:edge` writes dist/edge.js. */
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The bundle's text: one ES module, Node's built-ins left to the platform (nodejs_compat). */
export async function bundleEdge(): Promise<string> {
  const result = await build({
    entryPoints: [`${root}src/edge.ts`],
    absWorkingDir: root,
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "import", "browser"],
    external: [
      "node:*",
      "cloudflare:*",
      "os",
      "fs",
      "net",
      "tls",
      "crypto",
      "stream",
      "perf_hooks",
      "path",
      "events",
      "buffer",
    ],
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    logLevel: "silent",
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error("esbuild made no output");
  return file.text;
}

if (import.meta.main) {
  await Deno.mkdir(`${root}dist`, { recursive: true });
  const text = await bundleEdge();
  await Deno.writeTextFile(`${root}dist/edge.js`, text);
  console.log(`wrote ${root}dist/edge.js (${Math.round(text.length / 1024)} KiB)`);
}
