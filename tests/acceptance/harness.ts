/** One acceptance case of the workflow-language contract: a file, calls of the real `dagu`, and what they leave behind. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { dagu, type DaguResult } from "../support/dagu.ts";

export interface Call {
  /** Words of the command line; `w.yaml` is the case's file. */
  readonly args: readonly string[];
  readonly code?: number;
  /** Fragments of stdout and of stderr. */
  readonly out?: readonly string[];
  readonly err?: readonly string[];
  readonly notOut?: readonly string[];
  readonly notErr?: readonly string[];
  /** Both streams are empty. */
  readonly isSilent?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Below the case's folder, before the call. */
  readonly write?: Readonly<Record<string, string>>;
  /** Below the case's folder, after the call: exact text, a pattern, `true`: is there, `false`: is not. */
  readonly files?: Readonly<Record<string, string | RegExp | boolean>>;
  /** More to look at; `home` is the `DAGU_HOME` of the call. */
  readonly check?: (result: DaguResult, folder: string, home: string) => void | Promise<void>;
}

export const START = ["start", "w.yaml"];
export const VALIDATE = ["validate", "w.yaml"];

/** One home for all cases of a test file: they run one after the other, as a person's would. */
let home: Promise<string> | null = null;

/** `@W` in the text is the case's own empty folder. */
export function accept(title: string, yaml: string, calls: readonly Call[]): void {
  Deno.test(title, async () => {
    home ??= Deno.makeTempDir({ prefix: "dagu-acceptance-" });
    const folder = await Deno.makeTempDir({ prefix: "dagu-case-" });
    try {
      await Deno.writeTextFile(join(folder, "w.yaml"), yaml.replaceAll("@W", folder));
      for (const call of calls) await make(call, folder, await home);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** The same calls for several files. */
export function acceptEach(
  title: string,
  files: readonly (readonly [string, Omit<Call, "args"> & { readonly args?: readonly string[] }])[],
  args: readonly string[] = VALIDATE,
): void {
  files.forEach(([yaml, call], index) => accept(`${title} (${index + 1})`, yaml, [{ args, ...call }]));
}

async function make(call: Call, folder: string, dir: string): Promise<void> {
  for (const [path, text] of Object.entries(call.write ?? {})) {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.writeTextFile(join(folder, path), text.replaceAll("@W", folder));
  }
  const result = await dagu({
    args: call.args.map((word) => word.replaceAll("@W", folder)),
    env: { DAGU_HOME: dir, SHELL: "/bin/sh", ...inFolder(call.env ?? {}, folder) },
    cwd: folder,
  });
  const story = `dagu ${call.args.join(" ")}\n${result.stdout}\n${result.stderr}`;
  assert.equal(result.code, call.code ?? 0, story);
  if (call.args[0] === "validate") checkValidate(result, story);
  if (call.isSilent === true) assert.deepEqual([result.stdout, result.stderr], ["", ""], story);
  const fragments = (texts: readonly string[] = []): string[] =>
    texts.map((text) => text.replaceAll("@W", folder));
  for (const text of fragments(call.out)) {
    assert.ok(result.stdout.includes(text), `no "${text}" in stdout of ${story}`);
  }
  for (const text of fragments(call.err)) {
    assert.ok(result.stderr.includes(text), `no "${text}" in stderr of ${story}`);
  }
  for (const text of fragments(call.notOut)) {
    assert.ok(!result.stdout.includes(text), `"${text}" in stdout of ${story}`);
  }
  for (const text of fragments(call.notErr)) {
    assert.ok(!result.stderr.includes(text), `"${text}" in stderr of ${story}`);
  }
  for (const [path, want] of Object.entries(call.files ?? {})) {
    await checkFile(join(folder, path), path, want, folder, story);
  }
  await call.check?.(result, folder, dir);
}

function inFolder(env: Readonly<Record<string, string>>, folder: string): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([key, value]) => [key, value.replaceAll("@W", folder)]));
}

/** What holds of `validate` whatever the file (8.2): nothing on stdout, and a file that is wrong is told in one form. */
function checkValidate({ code, stdout, stderr }: DaguResult, story: string): void {
  assert.equal(stdout, "", story);
  const isTold = /^Validation failed for .+\n- /m.test(stderr);
  assert.equal(isTold || stderr.startsWith("dagu validate: "), code !== 0, story);
  if (isTold) assert.doesNotMatch(stderr, /^Usage/m, story);
}

async function checkFile(
  at: string,
  path: string,
  want: string | RegExp | boolean,
  folder: string,
  story: string,
): Promise<void> {
  const text = await Deno.readTextFile(at).catch(() => null);
  if (typeof want === "boolean") {
    assert.equal(text !== null, want, `${path} ${want ? "is not there" : "is there"}: ${story}`);
  } else if (typeof want === "string") assert.equal(text, want.replaceAll("@W", folder), `${path}: ${story}`);
  else assert.match(text ?? "", want, `${path}: ${story}`);
}
