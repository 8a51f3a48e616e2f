/** The layout is law: who may import whom, where the machine may be touched, how long a file may be. */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const MAX_LINES = 400;

/** For whoever decides with what dispatch does. */
const BEYOND_DISPATCH = [
  "src/workflow",
  "src/run",
  "src/protocol",
  "src/server/store",
  "src/server/secrets",
  "src/server/dispatch",
];

/** What each room may import beside itself. The longest prefix of a file's path is its room. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  "src/workflow": [],
  "src/run": ["src/workflow"],
  "src/protocol": ["src/workflow", "src/run"],
  "src/server/store": ["src/workflow", "src/run", "src/protocol"],
  "src/server/secrets": ["src/workflow", "src/run", "src/protocol", "src/server/store"],
  "src/server/outbound": ["src/workflow", "src/run", "src/protocol", "src/server/store"],
  "src/server/dispatch": [
    "src/workflow",
    "src/run",
    "src/protocol",
    "src/server/store",
    "src/server/secrets",
  ],
  "src/server/definitions": [
    "src/workflow",
    "src/run",
    "src/protocol",
    "src/server/store",
    "src/server/dispatch",
  ],
  "src/server/access": BEYOND_DISPATCH,
  "src/server/triggers": BEYOND_DISPATCH,
  "src/server/tick": BEYOND_DISPATCH,
  "src/server/http": ["src/workflow", "src/run", "src/protocol", "src/server"],
  "src/server/pages": ["src/workflow", "src/run", "src/protocol", "src/server"],
  "src/server": ["src/workflow", "src/run", "src/protocol", "src/server"],
  "src/runner/containers": ["src/workflow", "src/run", "src/protocol"],
  "src/runner/actions": ["src/workflow", "src/run", "src/protocol", "src/runner"],
  "src/runner": ["src/workflow", "src/run", "src/protocol", "src/runner"],
  "src/cli": ["src/workflow", "src/run", "src/protocol", "src/server", "src/runner"],
  "src/main.ts": ["src/cli"],
  "src/edge.ts": ["src/workflow", "src/run", "src/protocol", "src/server"],
};

/** Why an arrow is missing, for whoever meets it. */
const REASONS: Readonly<Record<string, string>> = {
  "src/workflow": "the language is pure and knows nobody",
  "src/run": "the run core knows the language only",
  "src/protocol": "the wire knows what both sides mean, not the sides",
  "src/server": "the control plane never sees the machine",
  "src/runner": "the runner never sees the control plane's inside",
  "src/cli": "nobody imports the command line but its door",
};

/** Files that everybody in `server` may see: what it is given, and where what it shows is found. */
const SHARED = ["src/server/place.ts", "src/server/ports.ts", "src/server/settings.ts"];

const files = sourceFiles("src");

function sourceFiles(dir: string): string[] {
  return [...Deno.readDirSync(join(root, dir))].flatMap((entry) => {
    const path = `${dir}/${entry.name}`;
    return entry.isDirectory ? sourceFiles(path) : /\.tsx?$/.test(entry.name) ? [path] : [];
  }).sort();
}

function roomOf(file: string): string {
  const rooms = Object.keys(ARROWS).filter((room) => file === room || file.startsWith(`${room}/`));
  const room = rooms.sort((a, b) => b.length - a.length)[0];
  assert.ok(room !== undefined, `${file} is in no room of the house`);
  return room;
}

/** Relative imports of all forms, also of types and dynamic ones. */
function importsOf(file: string): string[] {
  const text = Deno.readTextFileSync(join(root, file)).replace(/\/\*[^]*?\*\//g, "");
  const specifiers = [...text.matchAll(/(?:from\s+|import\s*\(\s*|^import\s+)"(\.[^"]+)"/gm)].map((match) =>
    match[1] ?? ""
  );
  return specifiers.map((specifier) => relative(root, join(root, dirname(file), specifier)));
}

function mayImport(from: string, to: string): boolean {
  const room = roomOf(from);
  if (to === room || to.startsWith(`${room}/`)) return true;
  if (from.startsWith("src/server/") && SHARED.includes(to)) return true;
  return (ARROWS[room] ?? []).some((allowed) => to === allowed || to.startsWith(`${allowed}/`));
}

Deno.test("house: the arrows of DESIGN section 6 hold", () => {
  const broken = files.flatMap((file) =>
    importsOf(file).filter((target) => !mayImport(file, target)).map((target) => {
      const reason = Object.entries(REASONS).find(([room]) => roomOf(file).startsWith(room))?.[1] ?? "";
      return `${file} may not import ${target}: ${reason}`;
    })
  );
  assert.deepEqual(broken, []);
});

Deno.test("house: nothing but the doors stands loose in src, and no room has an index", () => {
  const loose = files.filter((file) =>
    file.split("/").length === 2 && !["src/main.ts", "src/edge.ts"].includes(file)
  );
  assert.deepEqual([...loose, ...files.filter((file) => /\/index\.tsx?$/.test(file))], []);
});

Deno.test("house: pure rooms and the server touch web standards only", () => {
  const broken = files.filter((file) => /^src\/(workflow|run|protocol|server)\//.test(file)).filter(
    (file) => {
      const text = Deno.readTextFileSync(join(root, file)).replace(/\/\*[^]*?\*\//g, "").replace(
        /\/\/.*$/gm,
        "",
      );
      return /\bDeno\.|"node:|"npm:/.test(text);
    },
  );
  assert.deepEqual(broken, []);
});

Deno.test("house: SQL is in src/server/store only", () => {
  const broken = files.filter((file) => !file.startsWith("src/server/store/")).filter((file) =>
    /\bsql`|\.execute\(|\.insert\(|\.delete\([a-z]+\)\.where/.test(Deno.readTextFileSync(join(root, file)))
  );
  assert.deepEqual(broken, []);
});

Deno.test(`house: no file is longer than ${MAX_LINES} lines`, () => {
  const long = files.filter((file) => Deno.readTextFileSync(join(root, file)).split("\n").length > MAX_LINES);
  assert.deepEqual(long, []);
});

Deno.test("house: every action of the language has its deed in the runner", () => {
  const registry = Deno.readTextFileSync(join(root, "src/runner/actions/registry.ts"));
  for (const name of ["run", "container", "harness.run", "docker.run"]) {
    assert.ok(registry.includes(name.includes(".") ? `"${name}"` : name), `${name} is not in the registry`);
  }
});
