/**
 * Puts `dagu` where the shell finds it: `deno task install [FOLDER]` (default `~/.local/bin`). What it starts is src/main.ts
 * bundled to fewer files: reading several hundred small ones takes longer than most of what a command then does.
 */
import { build, type Plugin } from "esbuild";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import config from "../../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../../", import.meta.url));
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

/** What it wrote before is left: a process that runs may load from it, and the names tell the contents apart. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: [join(root, "src/main.ts")],
    absWorkingDir: root,
    outdir: bundled,
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
}

async function install(dir: string): Promise<void> {
  await bundle();
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const words = [
    quoted(Deno.execPath()),
    "run -A --v8-flags=--wasm-tiering-budget=1000000000 --config",
    quoted(join(root, "deno.json")),
    quoted(join(bundled, "main.js")),
  ];
  await Deno.mkdir(dir, { recursive: true });
  const path = join(dir, "dagu");
  await Deno.writeTextFile(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await Deno.chmod(path, 0o755);
  console.log(`installed ${path}`);
  if ((Deno.env.get("PATH") ?? "").split(delimiter).includes(dir)) return;
  console.log(`${dir} is not in your PATH: export PATH=${quoted(dir)}:"$PATH"`);
}

await install(resolve(Deno.args[0] ?? join(homedir(), ".local/bin")));
