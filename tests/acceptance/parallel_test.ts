/** Many `dagu` at once, each with a home of its own. PARALLEL_STARTS sets how many (default 12). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { dagu } from "../support/dagu.ts";

const STARTS = Number(Deno.env.get("PARALLEL_STARTS") ?? "12");

Deno.test("parallel starts with separate homes do not meet", async () => {
  const folder = await Deno.makeTempDir({ prefix: "dagu-parallel-" });
  await Deno.writeTextFile(
    join(folder, "w.yaml"),
    'params: "N=0"\nsteps: [{id: a, run: \'echo "I am $N"\'}]\n',
  );
  const numbers = Array.from({ length: STARTS }, (_, n) => n);
  const results = await Promise.all(
    numbers.map((n) =>
      dagu({
        args: ["start", join(folder, "w.yaml"), "--", `N=${n}`],
        env: { DAGU_HOME: join(folder, `home-${n}`) },
      })
    ),
  );
  for (const [n, { code, stdout, stderr }] of results.entries()) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`\\bI am ${n}\\n`));
  }
  await Deno.remove(folder, { recursive: true });
});
