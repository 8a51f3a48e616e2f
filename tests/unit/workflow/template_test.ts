/** Templates (workflow-language contract 6.4, S-125): what Go's text/template makes of the same text. */
import assert from "node:assert/strict";
import { renderTemplate } from "../../../src/workflow/template.ts";

const DATA = {
  name: "Ada",
  empty: "",
  zero: 0,
  n: 3,
  half: 0.5,
  big: 1e21,
  yes: true,
  none: null,
  list: ["b", "a", "b"],
  nothing: [],
  map: { b: 2, a: { c: "deep" } },
  "with-dash": "dash",
};

const GOOD: readonly (readonly [string, string])[] = [
  ["plain", "plain"],
  ["{{.name}} {{ .name }}", "Ada Ada"],
  ["{{ .map.a.c }}{{ .map.b }}", "deep2"],
  [
    '{{ index .map "a" "c" }} {{ (index .map "a").c }} {{ index . "with-dash" }} {{ index .list 1 }}',
    "deep deep dash a",
  ],
  ["{{ .n }} {{ .half }} {{ .big }} {{ .yes }} {{ .none }}", "3 0.5 1000000000000000000000 true <no value>"],
  ["{{ .list }} {{ .map }}", "[b a b] map[a:map[c:deep] b:2]"],
  // trimming and comments
  ["a \n {{- .name -}} \n b", "aAdab"],
  ["a {{/* no }} here */}}b {{- /* c */ -}} d", "a bd"],
  ["{{ -1 }}{{- 2 -}}", "-12"],
  ['{{`raw \\n {{`}}|{{ "t\\t\\u00e9\\"" }}', 'raw \\n {{|t\té"'],
  // choices
  ["{{ if .yes }}1{{ else }}2{{ end }}{{ if .zero }}1{{ else }}2{{ end }}", "12"],
  ["{{ if .zero }}a{{ else if eq .n 3 }}b{{ else }}c{{ end }}", "b"],
  ["{{ if and .yes (not .empty) (or .none .n) }}ok{{ end }}", "ok"],
  ["{{ if or .yes .missing.key }}short{{ end }}", "short"],
  ["{{ with .map.a }}{{ .c }} {{ $.name }}{{ else }}none{{ end }}", "deep Ada"],
  ["{{ with .empty }}x{{ else }}none{{ end }}", "none"],
  ["{{ with .empty }}x{{ else with .name }}{{ . }}{{ end }}", "Ada"],
  // loops
  ["{{ range .list }}<{{ . }}>{{ end }}", "<b><a><b>"],
  ["{{ range $i, $x := .list }}{{ $i }}{{ $x }} {{ end }}", "0b 1a 2b "],
  ["{{ range $k, $v := .map }}{{ $k }};{{ end }}", "a;b;"],
  ["{{ range .nothing }}x{{ else }}none{{ end }}", "none"],
  ["{{ range 3 }}{{ . }}{{ end }}", "012"],
  ['{{ range .list }}{{ if eq . "a" }}{{ continue }}{{ end }}{{ . }}{{ end }}', "bb"],
  ["{{ range .list }}{{ . }}{{ break }}{{ end }}", "b"],
  // variables
  ["{{ $x := 1 }}{{ range .list }}{{ $x = add $x 1 }}{{ end }}{{ $x }}", "4"],
  ["{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"],
  // templates of their own
  ['{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .name }}{{ template "t" 1 }}', "[Ada][1]"],
  ['{{ block "t" .map }}{{ .b }}{{ end }}', "2"],
  // pipes and functions
  ['{{ .name | upper | printf "%-5s|%q" "x" }}', 'x    |"ADA"'],
  [
    '{{ printf "%05d %.2f %5.1f %t %v %x %%" 42 3.14159 2.5 true .list "hi" }}',
    "00042 3.14   2.5 true [b a b] 6869 %",
  ],
  ['{{ len .list }} {{ len .name }} {{ len "é" }} {{ slice .name 1 2 }}', "3 3 2 d"],
  [
    '{{ eq .n 3 }} {{ eq .name "x" "Ada" }} {{ ne 1 2 }} {{ lt 1 2 }} {{ ge "b" "a" }}',
    "true true true true true",
  ],
  ['{{ print 1 2 "a" 3 }}|{{ println 1 "a" }}', "1 2a3|1 a\n"],
  ['{{ html "<a & \'b\'>" }} {{ urlquery "a b&c" }}', "&lt;a &amp; &#39;b&#39;&gt; a+b%26c"],
  ['{{ .list | uniq | sortAlpha | join "," }} {{ split "," "x,y" | last }} {{ first .list }}', "a,b y b"],
  ['{{ default "d" .empty }} {{ .name | default "d" }}', "d Ada"],
  ['{{ coalesce .none .zero "c" }} {{ ternary 1 2 .yes }}', "c 1"],
  ['{{ "a-b" | replace "-" "$&" }} {{ trimSuffix ".x" "y.x" }} {{ trim " z " }}', "a$&b y z"],
  ['{{ toJson .map }} {{ (fromJson "{\\"q\\":[1]}").q }}', '{"b":2,"a":{"c":"deep"}} [1]'],
  ['{{ "a\\nb" | indent 2 }}{{ nindent 1 "c" }}', "  a\n  b\n c"],
  ["{{ add 1 2 3 }} {{ sub 5 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 4 }} {{ max 1 3 2 }}", "6 3 6 3 3 3"],
  [
    '{{ b64enc "é" }} {{ b64dec "w6k=" }} {{ hasKey .map "b" }} {{ keys .map }} {{ has "a" .list }}',
    "w6k= é true [a b] true",
  ],
  ['{{ (dict "k" (list 1 2)).k }} {{ trunc 2 .name }} {{ squote 1 }} {{ until 3 }}', "[1 2] Ad '1' [0 1 2]"],
];

Deno.test("6.4 template: what it makes", async (t) => {
  for (const [text, expected] of GOOD) {
    await t.step(JSON.stringify(text), () => {
      assert.deepEqual(renderTemplate(text, DATA), { ok: true, text: expected });
    });
  }
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ["a\nb {{ .missing }}", /^line 2: map has no entry for key "missing"$/],
  ["{{ .map.x }}", /no entry for key "x"/],
  ["{{ .toString }}{{ .constructor }}", /no entry for key "toString"/],
  ["{{ .name.x }}", /can't take \.x of a string/],
  ["{{ .none.x }}", /can't take \.x of nothing/],
  ["{{ .name", /^line 1: \{\{ is not closed/],
  ["{{ if .yes }}x", /\{\{end\}\} is missing/],
  ["x{{ end }}", /\{\{end\}\} without a block/],
  ["{{ else }}", /\{\{else\}\} without a block/],
  ["{{ if .yes }}1{{ else }}2{{ else }}3{{ end }}", /two \{\{else\}\}/],
  ["{{ }}", /is empty/],
  ["{{ nope 1 }}", /function "nope" not defined/],
  ["{{ constructor 1 }}", /function "constructor" not defined/],
  ["{{ $x }}", /undefined variable "\$x"/],
  ["{{ $x = 1 }}", /undefined variable "\$x"/],
  ["{{ .name 1 }}", /arguments to what is no function/],
  ["{{ upper }}", /upper: wants 1 arguments, got 0/],
  ["{{ upper .list }}", /upper: needs a text, got a list/],
  ["{{ index .list 9 }}", /index: index out of range: 9/],
  ['{{ lt 1 "a" }}', /lt: cannot compare a number with a string/],
  ["{{ div 1 0 }}", /div: division by zero/],
  ["{{ range .name }}{{ end }}", /range can't iterate over a string/],
  ["{{ (.name }}", /\( is not closed/],
  ["{{ .name ) }}", /unexpected \)/],
  ["{{ .name | }}", /a value is missing/],
  ["{{ | upper }}", /a value is missing/],
  ['{{ "abc }}', /a text is not closed/],
  ["{{ .name ! }}", /unexpected "!"/],
  ['{{ template "t" }}', /template "t" not defined/],
  ['{{ printf "%d" "x" }}', /printf: %d needs a number/],
  ['{{ printf "%d" }}', /printf: no value for %d/],
];

Deno.test("6.4 template: mistakes are told with their line", async (t) => {
  for (const [text, expected] of BAD) {
    await t.step(JSON.stringify(text), () => {
      const rendered = renderTemplate(text, DATA);
      assert.ok(!rendered.ok);
      assert.match(rendered.message, expected);
    });
  }
});

const ENDLESS: readonly (readonly [string, RegExp])[] = [
  ["{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", /steps/],
  ['{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}', /without end/],
  ['{{ $x := "aaaaaaaaaaaaaaaa" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}', /larger than|steps/],
  ['{{ range 900000 }}{{ until 100000 | join "," }}{{ end }}', /steps|larger/],
  ['{{ repeat 100000 (repeat 100000 "a") }}', /too large|larger/],
  [`{{ ${"(".repeat(20_000)}1 }}`, /nested too deeply/],
  ["{{ if true }}".repeat(20_000), /nested too deeply/],
];

Deno.test("6.4 template: nothing runs or grows without end", async (t) => {
  for (const [text, expected] of ENDLESS) {
    await t.step(text.slice(0, 60), () => {
      const rendered = renderTemplate(text, DATA);
      assert.ok(!rendered.ok);
      assert.match(rendered.message, expected);
    });
  }
});

Deno.test("S-125 template: what a custom action's template looks like", () => {
  const text = 'post-line --room "{{ .input.room }}" --text "{{ .input.text }}"';
  const rendered = renderTemplate(text, { input: { room: "ops", text: "build ${params.NUMBER} done" } });
  assert.deepEqual(rendered, {
    ok: true,
    text: 'post-line --room "ops" --text "build ${params.NUMBER} done"',
  });
});
