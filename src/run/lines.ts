/** Cuts text that comes in pieces into lines, at a cost that grows with the text alone, however long its lines are. */
export interface LineCutter {
  /** The lines that the piece ends, without their ends. */
  add(piece: string): string[];
  /** The line that has no end yet; the next piece begins a new one. */
  end(): string;
}

export function newLineCutter(): LineCutter {
  let parts: string[] = [];
  const end = (): string => {
    const line = parts.join("");
    parts = [];
    return line;
  };
  return {
    add: (piece) => {
      const [rest = "", ...others] = piece.split("\n");
      parts.push(rest);
      return others.map((other) => {
        const line = end();
        parts.push(other);
        return line;
      });
    },
    end,
  };
}
