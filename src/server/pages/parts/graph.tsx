import type { FC } from "hono/jsx";
import type { NodeShape } from "../../http/node-shape.ts";
import { markOf } from "./status.tsx";

const WIDTH = 188;
const HEIGHT = 40;
const GAP_X = 56;
const GAP_Y = 16;
/** Larger graphs are shown by the table alone. */
const MAX_NODES = 200;

interface Placed {
  readonly node: NodeShape;
  readonly x: number;
  readonly y: number;
}

/**
 * The steps as a graph from left to right: a column for each distance from the start. Its links are for the pointer:
 * the table has the same ones for who has none.
 */
export const Graph: FC<{ nodes: readonly NodeShape[]; pathOf: (node: NodeShape) => string }> = (
  { nodes, pathOf },
) => {
  if (nodes.length > MAX_NODES) return null;
  const placed = place(nodes);
  const byName = new Map(placed.map((one) => [one.node.step.name, one]));
  const width = Math.max(...placed.map((one) => one.x), 0) + WIDTH + 2;
  const height = Math.max(...placed.map((one) => one.y), 0) + HEIGHT + 2;
  const edges = placed.flatMap((to) =>
    to.node.step.depends.flatMap((name) => {
      const from = byName.get(name);
      return from === undefined ? [] : [{ from, to }];
    })
  );
  return (
    <div class="scroll graph-frame">
      <svg
        class="graph"
        role="img"
        aria-label="Step graph"
        viewBox={`-1 -1 ${width} ${height}`}
        width={width}
        height={height}
      >
        {edges.map(({ from, to }) => (
          <path
            class="edge"
            d={`M${from.x + WIDTH} ${from.y + HEIGHT / 2} C${from.x + WIDTH + GAP_X / 2} ${
              from.y + HEIGHT / 2
            } ${to.x - GAP_X / 2} ${to.y + HEIGHT / 2} ${to.x} ${to.y + HEIGHT / 2}`}
          />
        ))}
        {placed.map(({ node, x, y }) => (
          <a href={pathOf(node)} tabindex={-1}>
            <g class={`node ${node.statusLabel}`} transform={`translate(${x} ${y})`}>
              <title>{`${node.step.name}: ${node.statusLabel}`}</title>
              <rect width={WIDTH} height={HEIGHT} rx="6" />
              <text class="mark" x="10" y="25">{markOf(node.statusLabel)}</text>
              <text x="28" y="25">{shorten(node.step.name)}</text>
            </g>
          </a>
        ))}
      </svg>
    </div>
  );
};

function place(nodes: readonly NodeShape[]): Placed[] {
  const levels = new Map<string, number>();
  const byName = new Map(nodes.map((node) => [node.step.name, node]));
  const levelOf = (name: string, above: readonly string[]): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    const depends = (byName.get(name)?.step.depends ?? []).filter((one) =>
      byName.has(one) && !above.includes(one)
    );
    const level = depends.length === 0
      ? 0
      : 1 + Math.max(...depends.map((one) => levelOf(one, [...above, name])));
    levels.set(name, level);
    return level;
  };
  const rows = new Map<number, number>();
  return nodes.map((node) => {
    const level = levelOf(node.step.name, []);
    const row = rows.get(level) ?? 0;
    rows.set(level, row + 1);
    return { node, x: level * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y) };
  });
}

function shorten(name: string): string {
  return name.length > 20 ? `${name.slice(0, 19)}…` : name;
}
