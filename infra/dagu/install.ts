/** Puts `dagu` where the shell finds it: `deno task install [FOLDER]` (default `~/.local/bin`). */
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { bundleDagu, root } from "./bundle.ts";

/** As `deno task dagu` runs the sources. */
const RUN = config.tasks.dagu.replace(/^deno /, "").replace(/ src\/main\.ts$/, "");

async function install(dir: string): Promise<void> {
  const main = await bundleDagu();
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const words = [
    quoted(Deno.execPath()),
    `${RUN} --config`,
    quoted(join(root, "deno.json")),
    quoted(main),
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
