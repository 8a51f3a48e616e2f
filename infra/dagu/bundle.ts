/** Bundles src/main.ts to fewer files: reading several hundred small ones takes longer than most of what a command then does. */
import { build, type Plugin } from "esbuild";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import config from "../../deno.json" with { type: "json" };

export const root = fileURLToPath(new URL("../../", import.meta.url));
const bundled = join(root, "dist/dagu");

/** Libraries that most commands load; the others are large, and stay outside for who needs them. */
const INLINED = ["yaml", "yaml-modules", "valibot", "re2js", "@noble/hashes/"];

/** A file that speaks of its own place means the one in `src`: migrations, workers and examples stay where they are. */
const ownPlaces: Plugin = {
  name: "own-places",
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => ({
      loader: "ts",
      contents: (await Deno.readTextFile(path))
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
    })),
};

/**
 * Answers the path of what `deno run` is to be given. Processes that run may load from what was written before: it is left, the
 * names tell the contents apart, and each file is there as a whole or not at all.
 */
export async function bundleDagu(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, "src/main.ts")],
    absWorkingDir: root,
    outdir: bundled,
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "neutral",
    target: "es2023",
    mainFields: ["module", "main"],
    conditions: ["import"],
    alias: {
      yaml: join(root, "src/workflow/yaml.ts"),
      "yaml-modules": join(root, "node_modules/yaml/browser/index.js"),
    },
    external: ["node:*", ...Object.keys(config.imports).filter((name) => !INLINED.includes(name))],
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    plugins: [ownPlaces],
    logLevel: "error",
  });
  const main = join(bundled, "main.js");
  await Deno.mkdir(bundled, { recursive: true });
  // What leads to the others comes last.
  for (
    const { path, contents } of outputFiles.toSorted((a, b) =>
      Number(a.path === main) - Number(b.path === main)
    )
  ) {
    const part = `${path}.${crypto.randomUUID()}`;
    await Deno.writeFile(part, contents);
    await Deno.rename(part, path);
  }
  return main;
}
