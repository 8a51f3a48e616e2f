import type { Child, FC } from "hono/jsx";

/** A table that scrolls by itself where the screen is narrower. */
export const Table: FC<{ columns: readonly string[]; children?: Child }> = ({ columns, children }) => (
  <div class="scroll">
    <table>
      <thead>
        <tr>{columns.map((column) => <th scope="col">{column}</th>)}</tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
