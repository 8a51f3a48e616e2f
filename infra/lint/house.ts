/**
 * The house's own lint rules. Time, chance and ids arrive as arguments in the pure rooms and in the server; the environment
 * is read in the two doors only; what a process has to say goes through its log. What a table has under a name that people
 * choose is looked up as its own.
 */

const PURE = /\/src\/(workflow|run|protocol|server)\//;
const SOURCE = /\/src\//;
const DOORS = /\/src\/(main|edge)\.ts$/;

const AMBIENT: Readonly<Record<string, string>> = {
  "Date.now": "take the time from the Clock port",
  "Math.random": "take chance from a port",
  "crypto.randomUUID": "take ids from the Ids port",
  "crypto.getRandomValues": "take random bytes from a port",
  "AbortSignal.timeout": "use the Clock port's sleep",
  "performance.now": "take the time from the Clock port",
};
/** A constant that is declared as a table by texts. */
const TABLE = /^([A-Z][A-Z_]*): (?:Readonly<)?Record<string,/;
const TIMERS = ["setTimeout", "setInterval"];

function memberName(node: Deno.lint.Node): string | null {
  if (node.type !== "MemberExpression") return null;
  const { object, property } = node;
  return object.type === "Identifier" && property.type === "Identifier"
    ? `${object.name}.${property.name}`
    : null;
}

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "no-ambient": {
      create(context) {
        if (!PURE.test(context.filename)) return {};
        return {
          CallExpression(node): void {
            const name = memberName(node.callee);
            const hint = name === null ? undefined : AMBIENT[name];
            if (hint !== undefined) {
              context.report({ node, message: `${name} in a pure room or the server: ${hint}` });
            }
            if (node.callee.type === "Identifier" && TIMERS.includes(node.callee.name)) {
              context.report({
                node,
                message: `${node.callee.name} in a pure room or the server: use the Clock port`,
              });
            }
          },
          NewExpression(node): void {
            const isNow = node.callee.type === "Identifier" && node.callee.name === "Date" &&
              node.arguments.length === 0;
            if (isNow) {
              context.report({
                node,
                message: "new Date() without an argument: take the time from the Clock port",
              });
            }
          },
        };
      },
    },
    "no-environment": {
      create(context) {
        if (!SOURCE.test(context.filename) || DOORS.test(context.filename)) return {};
        return {
          MemberExpression(node): void {
            if (memberName(node) === "Deno.env" || memberName(node) === "process.env") {
              context.report({
                node,
                message:
                  "the environment is read in src/main.ts and src/edge.ts only; take the value as an argument",
              });
            }
          },
        };
      },
    },
    "own-lookup": {
      create(context) {
        if (!SOURCE.test(context.filename)) return {};
        const tables = new Set<string>();
        const lookups: { readonly name: string; readonly node: Deno.lint.Node }[] = [];
        return {
          VariableDeclarator(node): void {
            const [, name] = TABLE.exec(context.sourceCode.getText(node)) ?? [];
            if (name !== undefined) tables.add(name);
          },
          MemberExpression(node): void {
            const { object, property, computed } = node;
            if (!computed || object.type !== "Identifier" || property.type === "Literal") return;
            lookups.push({ name: object.name, node });
          },
          "Program:exit"(): void {
            for (const { name, node } of lookups) {
              if (!tables.has(name)) continue;
              const message = `${name} has "constructor" like every object: look it up with own()`;
              context.report({ node, message });
            }
          },
        };
      },
    },
    "no-console": {
      create(context) {
        if (!SOURCE.test(context.filename) || context.filename.endsWith("/src/edge.ts")) return {};
        return {
          MemberExpression(node): void {
            if (node.object.type === "Identifier" && node.object.name === "console") {
              context.report({
                node,
                message: "console in src: use the Log port, or command.ts's writeOut and writeErr",
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;
