/** The door on Deno: arguments, environment and signals in, an exit code out. */
import { runCommand } from "./cli/command.ts";
import { openInterrupts } from "./cli/interrupts.ts";

const interrupts = openInterrupts();
const code = await runCommand({
  args: Deno.args,
  env: Deno.env.toObject(),
  interrupts,
  isTerminal: Deno.stdout.isTerminal(),
});
interrupts[Symbol.dispose]();
Deno.exit(code);
