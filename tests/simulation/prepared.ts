/**
 * The embedded database with every statement prepared once: the same engine answers the same, in less than half of the time,
 * since it neither parses nor plans a statement again, and is entered once for each instead of five times.
 */
import { concat } from "../../src/run/bytes.ts";
import { type messages, type PGlite, protocol } from "@electric-sql/pglite";
import type { Query, Store } from "./database.ts";

type Message = messages.BackendMessage;
type Options = NonNullable<Parameters<PGlite["query"]>[2]>;
type Results = Awaited<ReturnType<PGlite["query"]>>;

interface Column {
  readonly name: string;
  readonly dataTypeID: number;
}

interface Statement {
  readonly name: string;
  readonly parameterTypes: readonly number[];
  readonly columns: readonly Column[];
}

export async function openPrepared(client: PGlite): Promise<Store> {
  // No plan is better than another in tables that are as small as these; nothing here outlives the process.
  await client.exec("set plan_cache_mode = force_generic_plan; set synchronous_commit = off");
  const { serialize, Parser } = protocol;
  const statements = new Map<string, Statement>();

  const send = (...parts: readonly Uint8Array[]): Message[] => {
    const answers: Message[] = [];
    let failure: Error | null = null;
    new Parser().parse(client.execProtocolRawSync(concat(parts)), (message) => {
      if (message instanceof Error) failure = message;
      answers.push(message);
    });
    if (failure !== null) throw failure;
    return answers;
  };

  const prepare = (text: string): Statement => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const name = `s${statements.size}`;
    const parts = [
      serialize.parse({ name, text }),
      serialize.describe({ type: "S", name }),
      serialize.sync(),
    ];
    let parameterTypes: readonly number[] = [];
    let columns: readonly Column[] = [];
    for (const message of send(...parts)) {
      if (isParameters(message)) parameterTypes = message.dataTypeIDs;
      if (isColumns(message)) columns = message.fields;
    }
    const statement = { name, parameterTypes, columns };
    statements.set(text, statement);
    return statement;
  };

  const toText = (value: unknown, type: number | undefined): string | null => {
    if (value === null || value === undefined) return null;
    const write = type === undefined ? undefined : client.serializers[type];
    return write === undefined ? String(value) : write(value);
  };

  const ask = (text: string, params: readonly unknown[] = [], options: Options = {}): Results => {
    const { name, parameterTypes, columns } = prepare(text);
    const values = params.map((value, at) => toText(value, parameterTypes[at]));
    const messages = send(
      serialize.bind({ statement: name, values }),
      serialize.execute({}),
      serialize.sync(),
    );
    const readers = columns.map(({ dataTypeID }) =>
      options.parsers?.[dataTypeID] ?? client.parsers[dataTypeID] ?? ((value: string) => value)
    );
    const rows: Results["rows"] = [];
    for (const message of messages) {
      if (!isRow(message)) continue;
      const cells: unknown[] = readers.map((read, at) => {
        const cell = message.fields[at];
        return cell === null || cell === undefined ? null : read(cell, columns[at]?.dataTypeID);
      });
      const row: unknown = options.rowMode === "array"
        ? cells
        : Object.fromEntries(columns.map((column, at) => [column.name, cells[at]]));
      rows.push(row as Results["rows"][number]);
    }
    return { rows, fields: columns.map((column) => ({ ...column })), affectedRows: rows.length };
  };

  // One after the other: whoever is not inside of a transaction waits for its end.
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  const inside: Query = {
    query: <T>(text: string, params?: unknown[], options?: Options) =>
      new Promise<Awaited<ReturnType<typeof client.query<T>>>>((resolve) =>
        resolve(ask(text, params, options) as Awaited<ReturnType<typeof client.query<T>>>)
      ),
  };

  return {
    query: (text, params, options) => alone(() => inside.query(text, params, options)),
    transaction: (work) =>
      alone(async () => {
        ask("begin");
        try {
          const answer = await work(inside);
          ask("commit");
          return answer;
        } catch (error) {
          ask("rollback");
          throw error;
        }
      }),
  };
}

function isParameters(message: Message): message is messages.ParameterDescriptionMessage {
  return message.name === "parameterDescription";
}

function isColumns(message: Message): message is messages.RowDescriptionMessage {
  return message.name === "rowDescription";
}

function isRow(message: Message): message is messages.DataRowMessage {
  return message.name === "dataRow";
}
