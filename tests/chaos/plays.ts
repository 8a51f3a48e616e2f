/** The workflows that run while everything around them dies, and what must have become of each. */
import assert from "node:assert/strict";

const LINES = 25;
const WHOLE = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join("");
const COUNT = `i=1; while [ $i -le ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep 0.05; done`;
/** A command on the machine dies with its runner, and is tried again as often as that happens. */
const AGAIN = "retry_policy: {limit: 100, interval_sec: 1}";

export interface Play {
  readonly name: string;
  readonly spec: string;
  /** Its status, or the code of its failure. */
  readonly end: "succeeded" | "COMMAND_FAILED";
  /** Throws when a step's log is not what its work wrote. */
  check(logOf: (step: string) => Promise<string>): Promise<void>;
}

export const PLAYS: readonly [Play, ...Play[]] = [
  {
    name: "sandboxed",
    spec: `
steps:
  - id: count
    container: {image: "alpine:3.20"}
    run: ${COUNT}
`,
    end: "succeeded",
    check: async (logOf) => assert.equal(await logOf("count"), WHOLE),
  },
  {
    name: "on-host",
    spec: `
type: chain
steps:
  - id: count
    ${AGAIN}
    run: ${COUNT}
  - id: after
    ${AGAIN}
    run: echo "line 1"
`,
    end: "succeeded",
    check: async (logOf) => {
      assertTries(await logOf("count"), WHOLE);
      assertTries(await logOf("after"), "line 1\n");
    },
  },
  {
    name: "mixed",
    spec: `
type: graph
queue: narrow
steps:
  - id: box
    container: {image: "alpine:3.20"}
    output: SEEN
    run: sleep 0.5; echo "line 1"
  - id: beside
    ${AGAIN}
    run: ${COUNT}
  - id: after
    depends: [box, beside]
    ${AGAIN}
    run: echo "$SEEN"
`,
    end: "succeeded",
    check: async (logOf) => {
      assert.equal(await logOf("box"), "line 1\n");
      assertTries(await logOf("beside"), WHOLE);
      assertTries(await logOf("after"), "line 1\n");
    },
  },
  {
    name: "failing",
    spec: `
type: chain
steps:
  - id: count
    container: {image: "alpine:3.20"}
    run: ${COUNT}; exit 3
  - id: never
    run: echo "line 1"
`,
    end: "COMMAND_FAILED",
    check: async (logOf) => {
      assert.equal(await logOf("count"), WHOLE);
      assert.equal(await logOf("never"), "");
    },
  },
];

/** Tries that were cut short, each a beginning of the whole, and then the whole one. */
function assertTries(log: string, whole: string): void {
  assert.ok(
    log.endsWith(whole),
    `the log does not end with the whole of the last try: ${JSON.stringify(log)}`,
  );
  const cut = log.slice(0, -whole.length).split(/(?=^line 1$)/m).filter((part) => part !== "");
  for (const part of cut) {
    assert.ok(whole.startsWith(part), `not a beginning of a try: ${JSON.stringify(part)}`);
  }
}
