/** Host steps that do nothing, and the least that their processes cost. */

export const STEPS = 1_000;
export const AT_ONCE = 2;
export const ENV = { PATH: "/usr/local/bin:/usr/bin:/bin" };

export const workflow = `max_active_steps: ${AT_ONCE}
steps:
${Array.from({ length: STEPS }, (_, at) => `  - {id: s${at}, run: "true"}`).join("\n")}
`;

/** Milliseconds for the same processes, as many at a time. */
export async function spawnBare(): Promise<number> {
  const before = performance.now();
  let left = STEPS;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { success } = await new Deno.Command("/usr/bin/setsid", {
        args: ["--", "/bin/sh", "-e", "-c", "true"],
        clearEnv: true,
        env: ENV,
        stdin: "null",
      }).output();
      if (!success) throw new Error("true failed");
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return performance.now() - before;
}
