/** `artifact.*`, `archive.*`, `file.*` and the small actions as an author meets them (4.10, 6.4, 6.5). */
import assert from "node:assert/strict";
import { accept, acceptEach, START, VALIDATE } from "./harness.ts";

// ---- artifacts --------------------------------------------------------------------------------------------

accept(
  "S-63, S-65 artifacts: written, listed and read, beside what streams and processes put there",
  `artifacts: {dir: @W/kept}
steps:
  - {id: w, action: artifact.write, with: {path: reports/a.md, content: "# A\\n", mode: "0644"}}
  - {id: s, run: "echo 1,2", stdout: {artifact: reports/b.csv}}
  - id: p
    run: |
      echo own > "$DAG_RUN_ARTIFACTS_DIR/own"
      test "\${context.paths.artifacts_dir}" = "$DAG_RUN_ARTIFACTS_DIR"
  - id: l
    depends: [w, s, p]
    action: artifact.list
    with: {recursive: true}
    stdout: {outputs: {field: entries, decode: json, select: .entries}}
  - id: names
    depends: l
    action: jq.filter
    with: {filter: ".[].relativePath", data: "\${steps.l.outputs.entries}", raw: true}
    output: NAMES
  - {id: r, depends: s, action: artifact.read, with: {path: reports/b.csv}, output: CSV}
  - {id: told, depends: [names, r], run: 'printf "%s\\n" "$NAMES" "$CSV" > @W/o'}
`,
  [{
    args: START,
    files: { o: "own\nreports/a.md\nreports/b.csv\n1,2\n" },
    check: async (_, folder) => {
      const runs = await namesIn(`${folder}/kept/w`);
      assert.match(runs.join(), /^dag-run_[^,]+$/);
    },
  }],
);

accept(
  "S-65 a stream artifact replaces that of an earlier attempt; artifact.write does so when it is told to",
  `artifacts: {dir: @W/kept}
steps:
  - id: s
    run: 'echo $DAG_RUN_STEP_NAME; test -e @W/second || { touch @W/second; exit 1; }'
    stdout: {artifact: log}
    retry_policy: {limit: 1, interval_sec: 0}
  - {id: w, depends: s, action: artifact.write, with: {path: log, content: x}, continue_on: failed}
  - {id: o, depends: w, action: artifact.write, with: {path: log, content: x, overwrite: true}}
  - {id: r, depends: o, action: artifact.read, with: {path: log}, stdout: @W/o}
`,
  [{ args: START, out: ["destination exists"], files: { o: "x" } }],
);

/** One step with one action, as flow YAML. */
const step = (action: string, given: string): string =>
  `steps: [{id: a, action: ${action}, with: ${given}}]\n`;
const refused = (...err: readonly string[]) => ({ code: 1, err });

acceptEach("S-64, 6.5 what actions for artifacts and archives refuse when the file is loaded", [
  [step("artifact.read", "{path: /etc/passwd}"), refused("artifact path must be relative")],
  [step("artifact.write", "{path: a/../../b, content: c}"), refused("must not contain ..")],
  [step("artifact.list", "{path: ..}"), refused("must not contain ..")],
  [step("artifact.write", '{path: "", content: c}'), refused("path")],
  [step("artifact.write", "{path: a}"), refused("content")],
  [step("archive.create", "{source: a}"), refused("destination")],
  [step("archive.extract", "{source: a, format: rar}"), refused("format must be one of: zip, tar, tar.gz")],
], VALIDATE);

accept(
  "S-64 an artifact path that a reference makes is checked when the step starts",
  `params: [{name: p, default: ../out}]
artifacts: {dir: @W/kept}
steps: [{id: a, action: artifact.write, with: {path: "\${params.p}", content: x}}]
`,
  [{ args: START, code: 1, out: ["must not contain .."], files: { "kept/out": false } }],
);

accept(
  "S-64 a symlink does not lead out of the artifact directory",
  `steps:
  - {id: l, run: 'ln -s @W "$DAG_RUN_ARTIFACTS_DIR/out"'}
  - {id: a, depends: l, action: artifact.write, with: {path: out/evil, content: x}}
`,
  [{ args: START, code: 1, out: ["escapes artifact directory"], files: { evil: false } }],
);

// ---- archives ---------------------------------------------------------------------------------------------

for (const ending of ["zip", "tar", "tar.gz"]) {
  accept(
    `6.5 archive: ${ending}, made, listed and unpacked`,
    `working_dir: @W
steps:
  - id: put
    run: |
      mkdir -p src/css src/tmp
      echo one > src/index.html
      echo two > src/css/main.css
      echo scratch > src/tmp/notes
      chmod 755 src/index.html
  - id: pack
    depends: put
    action: archive.create
    with: {source: src, destination: out/a.${ending}, exclude: [tmp], verify_integrity: true}
  - id: list
    depends: pack
    action: archive.list
    with: {source: out/a.${ending}}
    stdout: {outputs: {field: entries, decode: json, select: .entries}}
  - id: names
    depends: list
    action: jq.filter
    with:
      filter: 'map(select(.type == "file").path) | sort | join(" ")'
      data: "\${steps.list.outputs.entries}"
      raw: true
    stdout: names
  - id: unpack
    depends: pack
    action: archive.extract
    with: {source: out/a.${ending}, destination: got, strip_components: 0}
  - {id: mode, depends: unpack, run: "test -x got/index.html"}
  - id: again
    depends: mode
    action: archive.extract
    with: {source: out/a.${ending}, destination: got}
    continue_on: failed
`,
    [{
      args: START,
      out: ["destination exists"],
      files: {
        names: "css/main.css index.html\n",
        "got/index.html": "one\n",
        "got/css/main.css": "two\n",
        "got/tmp/notes": false,
      },
    }],
  );
}

accept(
  "6.5 archive.extract: an entry that leads out is refused before anything is written",
  `working_dir: @W
steps:
  - id: evil
    run: |
      mkdir in && echo good > good && echo evil > evil
      tar -P --transform 's,^evil,../evil-out,' -cf evil.tar good evil
  - {id: x, depends: evil, action: archive.extract, with: {source: evil.tar, destination: in}}
`,
  [{
    args: START,
    code: 1,
    out: ["leads outside of its folder"],
    files: { "evil-out": false, "in/good": false },
  }],
);

// ---- files and the small ones -----------------------------------------------------------------------------

accept(
  "A-38 file.*: written, copied, listed, moved, read, deleted; results are JSON",
  `working_dir: @W
steps:
  - {id: w, action: file.write, with: {path: d/e/f.txt, content: hi, create_dirs: true, mode: "0640"}}
  - id: c
    depends: w
    action: file.copy
    with: {source: d, destination: k, recursive: "true"}
    output: COPIED
  - {id: m, depends: c, action: file.move, with: {source: k/e/f.txt, destination: moved.txt}}
  - id: l
    depends: m
    action: file.list
    with: {path: d, recursive: true, include_dirs: true}
    stdout: {outputs: {field: first, decode: json, select: ".entries[1].relativePath"}}
  - {id: r, depends: m, action: file.read, with: {path: moved.txt, max_bytes: 2}, output: READ}
  - {id: x, depends: m, action: file.delete, with: {path: k, recursive: true}}
  - id: told
    depends: [l, r, x]
    action: file.write
    with: {path: o, content: "\${env.READ} \${steps.l.outputs.first} \${env.COPIED}"}
`,
  [{
    args: START,
    files: { o: /^hi e\/f\.txt \{"operation":"copy",.*"copied":true/, k: false, "moved.txt": "hi" },
  }],
);

accept(
  "A-39 file.*: what they refuse",
  `working_dir: @W
steps:
  - {id: a, run: "mkdir d; echo x > f"}
  - {id: b, depends: a, action: file.delete, with: {path: d}, continue_on: failed}
  - {id: c, depends: a, action: file.delete, with: {path: /, recursive: true}, continue_on: failed}
  - {id: d, depends: a, action: file.move, with: {source: f, destination: ./f}, continue_on: failed}
  - {id: e, depends: a, action: file.write, with: {path: f, content: ""}, continue_on: failed}
  - {id: g, depends: a, action: file.read, with: {path: d}, continue_on: failed}
  - {id: h, depends: a, action: file.read, with: {path: f, max_bytes: 1}, continue_on: failed}
`,
  [{
    args: START,
    out: [
      "recursive is required to delete a directory",
      "refusing to delete filesystem root",
      "source and destination must differ",
      "destination exists",
      "cannot read a directory",
      "exceeds max_bytes",
    ],
    files: { f: "x\n" },
  }],
);

accept(
  "6.4 log.write, noop, outputs.write, exec",
  `params: [{name: t, default: "two words; $HOME"}]
steps:
  - {id: o, action: outputs.write, with: {values: {tag: v1, list: [1, "\${params.t}"]}}, stdout: @W/none}
  - {id: n, depends: o, action: noop}
  - id: l
    depends: n
    action: log.write
    with: {message: "\${steps.o.outputs.tag} \${steps.o.outputs.list}"}
    stdout: @W/log
  - {id: e, action: exec, with: {command: printf, args: ["[%s]", "\${params.t}", 42]}, stdout: @W/exec}
`,
  [{
    args: START,
    files: { none: "", log: 'v1 [1,"two words; $HOME"]\n', exec: "[two words; $HOME][42]" },
  }],
);

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}
