import assert from "node:assert/strict";
import { resolveText, type Scope, type Unqualified } from "../../../src/workflow/reference.ts";

const SCOPE: Scope = {
  consts: { region: "eu" },
  params: { tier: "gold", "1": "first" },
  paramsJson: '{"tier":"gold"}',
  env: { NAME: "value", EMPTY: "", PATHS: "a/b/c.txt", LIVE: "${consts.region}" },
  host: { HOSTNAME: "machine" },
  imported: { NAME: "hidden", ZONE: "far" },
  published: (id) =>
    id === "build" ? { outputs: { image: "app:1" }, properties: { output: "captured" } } : null,
  context: { "run.id": "r1", "attempt.started_at": "2026-01-01T00:00:00Z", "event.repo": "acme/shop" },
};

const cases: readonly [name: string, text: string, mode: Unqualified, want: string][] = [
  ["2.2 consts", "${consts.region}", "no", "eu"],
  ["2.2 params, whole and by name", "${params} ${params.tier}", "no", '{"tier":"gold"} gold'],
  ["2.2 env", "${env.NAME}", "no", "value"],
  [
    "2.2 env of the runner, where the workflow's has no such name",
    "${env.NAME} ${env.ZONE}",
    "no",
    "value far",
  ],
  ["2.2 declared outputs", "${steps.build.outputs.image}", "no", "app:1"],
  ["2.2 context", "${context.run.id} ${context.event.repo}", "no", "r1 acme/shop"],
  ["V-09 an alias without context", "${run.id} ${run.started_at}", "no", "r1 2026-01-01T00:00:00Z"],
  ["V-46 a step's property", "${build.output}", "no", "captured"],
  [
    "V-05 a name that is none",
    "${params.2nd} ${params.a-b} ${consts.}",
    "no",
    "${params.2nd} ${params.a-b} ${consts.}",
  ],
  [
    "V-06 steps has four segments",
    "${steps.build.image} ${steps.build.outputs.a.b}",
    "no",
    "${steps.build.image} ${steps.build.outputs.a.b}",
  ],
  [
    "V-23 what every object inherits is no value",
    "${steps.constructor.outputs.length} ${consts.constructor} ${env.toString} ${context.run.valueOf}",
    "scope",
    "${steps.constructor.outputs.length} ${consts.constructor} ${env.toString} ${context.run.valueOf}",
  ],
  [
    "T-11",
    "a ${consts.region} b \\${consts.region} c \\\\${consts.region}",
    "scope",
    "a eu b ${consts.region} c \\\\eu",
  ],
  ["T-12", "'$NAME' \"$NAME\" '${env.NAME}'", "scope", "'$NAME' \"value\" 'value'"],
  ["V-11 a backslash before what is not ours", "\\${a.b.c} \\$(id)", "scope", "\\${a.b.c} \\$(id)"],
  ["V-12 an escaped reference without a value", "\\${params.nope}", "no", "${params.nope}"],
  ["V-17 an apostrophe alone is no quote", "it's $NAME", "scope", "it's value"],
  ["V-07 braces are needed", "$params.tier", "no", "$params.tier"],
  ["V-08 spaces inside the braces", "${ params.tier }", "no", "gold"],
  ["V-11 anything else is kept", "${foo bar} ${a.b.c.d} ${}", "scope", "${foo bar} ${a.b.c.d} ${}"],
  ["V-12 one backslash", "\\${params.tier}", "no", "${params.tier}"],
  ["V-12 two backslashes", "\\\\${params.tier}", "no", "\\\\gold"],
  ["V-12 three backslashes", "\\\\\\${params.tier}", "no", "\\\\${params.tier}"],
  ["V-17 single quotes keep unqualified names", "'$NAME' $NAME", "scope", "'$NAME' value"],
  ["V-18 but not qualified ones", "'${env.NAME}'", "scope", "'value'"],
  ["V-19 what was inserted is not looked at again", "${env.LIVE}", "scope", "${consts.region}"],
  ["V-22 embedded", "v${params.tier}.${consts.region}", "no", "vgold.eu"],
  [
    "V-23 a reference without a value stays",
    "${params.nope} ${env.NOPE}",
    "scope",
    "${params.nope} ${env.NOPE}",
  ],
  ["V-28 scope fields do not see the process", "$HOSTNAME", "scope", "$HOSTNAME"],
  ["2.6 host fields do", "$HOSTNAME", "host", "machine"],
  ["2.6 shell fields leave names to the shell", "$NAME ${NAME} \\$NAME", "shell", "$NAME ${NAME} \\$NAME"],
  [
    "2.6 and look into a shell's own",
    "${NOPE:-${params.tier}} ${X:-$NAME}",
    "shell",
    "${NOPE:-gold} ${X:-$NAME}",
  ],
  [
    "V-18 quotes do not hide a reference in an operator",
    "'${NAME:-${params.tier}}'",
    "scope",
    "'${NAME:-gold}'",
  ],
  [
    "V-12 an escape before a shell's own is the shell's",
    "\\${X:-\\${params.tier}}",
    "shell",
    "\\${X:-${params.tier}}",
  ],
  [
    "V-29 what is not set stays whole, its word too",
    "${NOPE:-${params.tier}}",
    "scope",
    "${NOPE:-${params.tier}}",
  ],
  ["P-14 positional parameters", "$1 ${1}", "shell", "first first"],
  ["2.7 default, set", "${NAME:-x}", "scope", "value"],
  ["2.7 default, empty", "${EMPTY:-x} ${EMPTY-x}", "scope", "x "],
  ["2.7 alternative", "${NAME:+x} ${EMPTY:+x} ${EMPTY+x}", "scope", "x  x"],
  ["2.7 error forms", "${EMPTY:?x} ${EMPTY?x}", "scope", "${EMPTY:?x} "],
  ["V-29 not set stays whole", "${NOPE:-x}", "scope", "${NOPE:-x}"],
  [
    "V-30 an assignment turns operators off",
    "${EMPTY:=x} ${NAME:-y} $NAME",
    "scope",
    "${EMPTY:=x} ${NAME:-y} value",
  ],
  ["2.7 substring", "${NAME:1:3} ${NAME: -2}", "scope", "alu ue"],
  ["2.7 length", "${#NAME} ${#EMPTY}", "scope", "5 0"],
  ["2.7 prefix", "${PATHS#*/} ${PATHS##*/}", "scope", "b/c.txt c.txt"],
  ["2.7 suffix", "${PATHS%/*} ${PATHS%%/*}", "scope", "a/b a"],
  ["V-31 a nested word", "${EMPTY:-$NAME}", "scope", "value"],
];

for (const [name, text, mode, want] of cases) {
  Deno.test(`resolveText: ${name}`, () => assert.equal(resolveText(text, SCOPE, mode), want));
}

Deno.test("resolveText: 2.13.3 in a container, an escaped name stays escaped for its shell", () => {
  assert.equal(
    resolveText("\\$NAME $NAME $OTHER", SCOPE, "scope", { unqualifiedBackslash: "shell" }),
    "\\$NAME value $OTHER",
  );
});

Deno.test("resolveText: 2.13.3 what is left for the shell in the container may hold a reference", () => {
  assert.equal(
    resolveText("${NOPE:-${params.tier}} ${NAME:-x}", SCOPE, "scope", { unqualifiedBackslash: "shell" }),
    "${NOPE:-gold} value",
  );
});

Deno.test("resolveText: V-16 a backslash in a path is text before a name, an escape before a reference", () => {
  assert.equal(
    resolveText("a\\$NAME \\${NAME} \\${params.tier} \\$NOPE", SCOPE, "scope", {
      unqualifiedBackslash: "text",
    }),
    "a\\value \\value ${params.tier} \\$NOPE",
  );
});

Deno.test("V-48 a path of a hundred thousand parts is no path, and takes no time", () => {
  const text = `\${a${".b".repeat(100_000)}}`;
  assert.equal(resolveText(text, SCOPE, "scope"), text);
});
