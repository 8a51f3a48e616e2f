/** Every YAML block of the README and the docs, and every example file, is a workflow that runs to a good end. */
import assert from "node:assert/strict";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { dagu, freePort, spawnDagu } from "../support/dagu.ts";
import { engineUnderTest } from "../support/engines.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

function filesOf(dir: string, extension: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].filter((entry) => extname(entry.name) === extension)
    .map((entry) => join(dir, entry.name)).sort();
}

interface Example {
  readonly name: string;
  readonly text: string;
}

const pages = ["README.md", ...filesOf("docs", ".md")].flatMap((file): Example[] => {
  const blocks = Deno.readTextFileSync(join(root, file)).matchAll(/^```yaml\n(.*?)^```/gms);
  return [...blocks].map((match, index) => ({
    name: `${basename(file, ".md").toLowerCase()}-${index + 1}`,
    text: match[1] ?? "",
  }));
});
const files = filesOf("examples", ".yaml").map((file): Example => ({
  name: basename(file, ".yaml"),
  text: Deno.readTextFileSync(join(root, file)),
}));

Deno.test("docs: every example runs", async (test) => {
  const home = await Deno.makeTempDir({ prefix: "dagu-docs-" });
  const env = { DAGU_HOME: home, ...engineUnderTest("docker").env };
  const failed: string[] = [];
  try {
    await using server = spawnDagu({ args: ["start-all", "--port", String(freePort())], env });
    await server.said("dagu start-all on");
    for (const { name, text } of [...pages, ...files]) {
      const file = join(home, `${name}.yaml`);
      await Deno.writeTextFile(file, text);
      await test.step(name, async () => {
        const { code, stderr } = await dagu({ args: ["start", file], env });
        if (code !== 0) failed.push(`${name}: ${stderr}`);
      });
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
  assert.deepEqual(failed, []);
});
