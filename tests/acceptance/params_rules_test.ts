/** Every shape of declarations and of caller values (workflow-language contract 3.1). */
import { accept, acceptEach, type Call, START, VALIDATE } from "./harness.ts";

/** Shows two named values, two positional ones and the payload. */
const SHOW = `steps:
  - {id: w, action: file.write, with: {path: @W/o, content: '\${params.A} \${params.B} | $1 $2 | \${params}'}}
`;
const SCHEMA =
  "{type: object, properties: {A: {type: string, default: x, maxLength: 3}, B: {type: integer, minimum: 1}}, " +
  "required: [B], additionalProperties: false}";

type Row = readonly [title: string, params: string, words: readonly string[], want: string];
const TAKEN: readonly Row[] = [
  [
    "a string",
    `'eu 3 A=fast B="two words"'`,
    [],
    'fast two words | eu 3 | {"1":"eu","2":"3","A":"fast","B":"two words"}',
  ],
  [
    "a string, some given",
    "eu 3 A=fast",
    ["--", "us", "A=slow"],
    'slow ${params.B} | us 3 | {"1":"us","2":"3","A":"slow"}',
  ],
  ["a list of texts", '["eu", "A=fast"]', ["-p", "x A=y"], 'y ${params.B} | x $2 | {"1":"x","A":"y"}'],
  [
    "a list of mappings, positional in order",
    "[{A: eu}, {B: true}]",
    ["--", "z"],
    'z true | $1 $2 | {"A":"z","B":"true"}',
  ],
  ["a mapping", "{A: 1.5, B: null}", [], '1.5  | $1 $2 | {"A":"1.5","B":""}'],
  [
    "P-06 literal values",
    '{A: "${consts.c} $HOME `id`", B: ""}',
    ["--", "B=${params.A}"],
    '${consts.c} $HOME `id` ${params.A} | $1 $2 | {"A":"${consts.c} $HOME `id`","B":"${params.A}"}',
  ],
  ["P-12 an inline schema", SCHEMA, ["--", "B=3"], 'x 3 | $1 $2 | {"A":"x","B":"3"}'],
  ["P-12 JSON keeps its kinds", SCHEMA, ["--params", '{"B":3}'], 'x 3 | $1 $2 | {"A":"x","B":3}'],
  [
    "P-12 a schema and values",
    "{schema: {type: object, properties: {A: {type: string}, B: {}}}, values: {A: y}}",
    ["--", "B=b"],
    'y b | $1 $2 | {"A":"y","B":"b"}',
  ],
  [
    "P-13 a schema in a file",
    "{schema: s.json, values: {A: q}}",
    ["--", "B=2"],
    'q 2 | $1 $2 | {"A":"q","B":"2"}',
  ],
  [
    "a JSON array of tokens",
    "{A: 1, B: 2}",
    ["--params", '["x","B=k=v"]'],
    'x k=v | $1 $2 | {"A":"x","B":"k=v"}',
  ],
  [
    "nested JSON is text",
    "{A: 1, B: 2}",
    ["--params", '{"A":{"k":[1]},"B":"b"}'],
    '{"k":[1]} b | $1 $2 | {"A":{"k":[1]},"B":"b"}',
  ],
  [
    "P-18 quotes",
    "{A: 1, B: 2}",
    ["--params", `A='v w' B="q \\"r\\""`],
    'v w q "r" | $1 $2 | {"A":"v w","B":"q \\"r\\""}',
  ],
  [
    "P-18 quotes of an argument",
    "{A: 1, B: 2}",
    ["--", 'A="v w"', "B='x'"],
    'v w x | $1 $2 | {"A":"v w","B":"x"}',
  ],
  [
    "P-18 backticks",
    "{A: 1, B: 2}",
    ["--params", "A=`date` `x y`"],
    '`date` 2 | $1 $2 | {"A":"`date`","B":"2"}',
  ],
  ["P-09 nothing is declared", '""', ["--", "A=1", "x"], '1 ${params.B} | x $2 | {"1":"x","A":"1"}'],
  [
    "P-04 a later value that was given",
    '[{name: A, eval: "${params.B}-$(echo ${params.B})"}, {name: B, default: d}]',
    ["--", "B=g"],
    'g-g g | $1 $2 | {"A":"g-g","B":"g"}',
  ],
  [
    "P-07 a boolean default",
    "[{name: A, type: boolean, default: TRUE}, {name: B, type: number, default: 2}]",
    ["--", "B=-1.5"],
    'true -1.5 | $1 $2 | {"A":"true","B":"-1.5"}',
  ],
  [
    "P-16 what a webhook brings",
    "{A: 1, B: 2}",
    ["--", "WEBHOOK_PAYLOAD=p"],
    '1 2 | $1 $2 | {"A":"1","B":"2","WEBHOOK_PAYLOAD":"p"}',
  ],
];
for (const [title, params, words, want] of TAKEN) {
  accept(`3.1 ${title}`, `params: ${params}\n${SHOW}`, [
    {
      args: [...START, ...words],
      write: { "s.json": '{"type":"object","properties":{"A":{"type":"string"},"B":{"type":"integer"}}}' },
      files: { o: want },
    },
  ]);
}

type Refused = readonly [params: string, words: readonly string[], fragments: readonly string[]];
const REFUSED: readonly Refused[] = [
  ["{A: x}", ["--", "C=1"], ["parameter validation failed", "unknown parameter(s)", "C", "A"]],
  ["eu 3", ["--", "1", "2", "3"], ["too many positional params: expected at most 2, got 3"]],
  [SCHEMA, ["--", "3"], ["positional"]],
  [SCHEMA, ["--", "B=0"], ['"B"']],
  [SCHEMA, ["--", "B=1", "A=long"], ['"A"']],
  [SCHEMA, ["--", "B=1", "Q=1"], ["Q"]],
  [SCHEMA, [], ['"B"', "required"]],
  ["[{name: A, type: integer}]", ["--", "A=2.5"], ['"A"', "cannot coerce"]],
  ["[{name: A, type: number}]", ["--", "A=many"], ['"A"', "cannot coerce"]],
  ["[{name: A, type: boolean}]", ["--", "A=yes"], ['"A"', "cannot coerce"]],
  ["[{name: A, enum: [x, y]}]", ["--", "A=z"], ['"A"']],
  ["[{name: A, min_length: 2, max_length: 3}]", ["--", "A=abcd"], ['"A"']],
  ['[{name: A, pattern: "^v[0-9]+$"}]', ["--", "A=v1x"], ['"A"']],
  ['[{name: A, type: integer, eval: "$(echo x)"}]', [], ['"A"', "cannot coerce"]],
  ["{A: x}", ["A=1"], ["unexpected arguments after DAG definition", "'--'"]],
  ["{schema: nope.json}", [], ["nope.json"]],
];
for (const [index, [params, words, err]] of REFUSED.entries()) {
  const call: Call = { args: [...START, ...words], code: 1, err, files: { o: false } };
  accept(`3.1 values that are refused (${index + 1})`, `params: ${params}\n${SHOW}`, [call]);
}

const declares = (params: string, ...err: string[]) =>
  [`params: ${params}\n${SHOW}`, { code: 1, err }] as const;
acceptEach("P-02 F-16 each name that is declared again is told at its place", [
  ["params:\n  - A: 1\n  - {name: A, default: 2}\n  - B=1\n  - B=2\nsteps: [{id: a, run: x}]\n", {
    code: 1,
    err: [
      '- w.yaml:3:5: params[1]: parameter "A" is declared twice',
      '- w.yaml:5:5: params[3]: parameter "B" is declared twice',
    ],
  }],
]);
acceptEach("3.1 declarations that are refused", [
  declares("[{name: A}]", "more than a name"),
  declares('[{name: "9A", default: x}]', '"9A"', "must match ^[A-Za-z][A-Za-z0-9_]*$"),
  declares("[{name: A-b, default: x}]", '"A-b"', "must match ^[A-Za-z][A-Za-z0-9_]*$"),
  declares("[{name: A, default: x}, {name: A, default: y}]", '"A"', "twice"),
  declares("[{name: A, minLength: 3}]", "minLength -> min_length"),
  declares("[{N: {type: integer}}]", "name:"),
  declares("[{name: A, type: float}]", "type must be"),
  declares("[{name: A, type: integer, default: x}]", '"A"', "cannot coerce"),
  declares("[{name: A, enum: [x], default: q}]", '"A"'),
  declares("[{name: A, enum: []}]", "enum must not be empty"),
  declares("[{name: A, type: integer, enum: [a]}]", '"A"'),
  declares("[{name: A, minimum: 1}]", "minimum"),
  declares("[{name: A, type: integer, minimum: 5, maximum: 1}]", "minimum is above maximum"),
  declares("[{name: A, type: integer, pattern: x}]", "pattern"),
  declares("[{name: A, min_length: 3, max_length: 1}]", "min_length"),
  declares('[{name: A, pattern: "("}]', "pattern"),
  declares("[{name: DAGU_PARAMS_JSON, default: x}]", "reserved"),
  declares("{A: [1]}", '"A"'),
], VALIDATE);
