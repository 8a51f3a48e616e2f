/** What `dagu start` loads before its step begins: its run is ahead of the database, and must not wait for its code either. */
import assert from "node:assert/strict";
import * as v from "valibot";

const Edge = v.object({ specifier: v.optional(v.string()) });
const Graph = v.object({
  roots: v.array(v.string()),
  modules: v.array(v.object({
    specifier: v.string(),
    dependencies: v.optional(
      v.array(v.object({ code: v.optional(Edge), isDynamic: v.optional(v.boolean(), false) })),
      [],
    ),
  })),
});

Deno.test("C-01 a start loads neither the database nor what speaks to it", async () => {
  const entry = new URL("../../../src/cli/commands/start.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", entry] }).output();
  const { roots, modules } = v.parse(Graph, JSON.parse(new TextDecoder().decode(stdout)));
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set(roots);
  for (const specifier of loaded) {
    for (const { code, isDynamic } of bySpecifier.get(specifier)?.dependencies ?? []) {
      if (!isDynamic && code?.specifier !== undefined) loaded.add(code.specifier);
    }
  }
  assert.ok([...loaded].some((specifier) => specifier.endsWith("/cli/ahead/plane.ts")), "it goes ahead");
  const heavy = [...loaded].filter((specifier) => /drizzle|pglite|\/postgres\b/.test(specifier));
  assert.deepEqual(heavy, []);
});
