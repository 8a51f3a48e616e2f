/** Cuts text that comes in pieces into lines, at a cost that grows with the text alone, however long its lines are. */
export interface LineCutter {
  /** The lines that the piece ends, without their ends. */
  add(piece: string): string[];
  /** Characters of the line that has no end yet. */
  readonly begun: number;
  /** That line, which is begun anew. */
  end(): string;
}

export function newLineCutter(): LineCutter {
  let parts: string[] = [];
  let begun = 0;
  const end = (): string => {
    const line = parts.join("");
    parts = [];
    begun = 0;
    return line;
  };
  const begin = (text: string): void => {
    parts.push(text);
    begun += text.length;
  };
  return {
    add: (piece) => {
      const [rest = "", ...others] = piece.split("\n");
      begin(rest);
      return others.map((other) => {
        const line = end();
        begin(other);
        return line;
      });
    },
    get begun(): number {
      return begun;
    },
    end,
  };
}
