import type { Child, FC } from "hono/jsx";

/**
 * A table, of rows of cells. Where the screen is narrow each row is a card, whose cells tell their column; the roles are
 * for browsers that take such a table for none.
 */
export const Table: FC<{ columns: readonly string[]; rows: readonly (readonly Child[])[] }> = (
  { columns, rows },
) => (
  <div class="scroll">
    <table role="table">
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => <th scope="col" role="columnheader">{column}</th>)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((cells) => (
          <tr role="row">
            {cells.map((cell, index) => <td role="cell" data-label={columns[index]}>{cell}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
