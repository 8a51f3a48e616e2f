/**
 * The embedded database with every statement prepared once: the same engine answers the same, in less than half of the time,
 * since it neither parses nor plans a statement again, and is entered once for each instead of five times.
 */
import { concat } from "../../src/run/bytes.ts";
import { type messages, type PGlite, protocol } from "@electric-sql/pglite";
import type { Store } from "./database.ts";

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
  const execute = concat([serialize.execute({}), serialize.sync()]);

  /** The engine answers before the call returns: of a stream, since only that is not read by PGlite, too. */
  const send = (...parts: readonly Uint8Array[]): Uint8Array => {
    const answers: Uint8Array[] = [];
    void client.execProtocolRawStream(concat(parts), {
      syncToFs: false,
      onRawData: (bytes) => answers.push(bytes.slice()),
    });
    return concat(answers);
  };

  const messagesOf = (answer: Uint8Array): Message[] => {
    const messages: Message[] = [];
    new Parser().parse(answer, (message) => {
      if (message instanceof Error) throw message;
      messages.push(message);
    });
    return messages;
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
    for (const message of messagesOf(send(...parts))) {
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

  const bind = (text: string, params: readonly unknown[]): Uint8Array => {
    const { name, parameterTypes } = prepare(text);
    return serialize.bind({
      statement: name,
      values: params.map((value, at) => toText(value, parameterTypes[at])),
    });
  };

  /** `before`: what is done on the same way. */
  const ask = (
    text: string,
    params: readonly unknown[] = [],
    options: Options = {},
    before: Uint8Array = NOTHING,
  ): Results => {
    const bound = bind(text, params);
    const { columns } = prepare(text);
    const readers = columns.map(({ dataTypeID }) =>
      options.parsers?.[dataTypeID] ?? client.parsers[dataTypeID] ?? ((value: string) => value)
    );
    const rows: Results["rows"] = [];
    const answer = send(before, bound, execute);
    const isWell = readRows(answer, (texts) => {
      const cells: unknown[] = readers.map((read, at) => {
        const cell = texts[at];
        return cell === null || cell === undefined ? null : read(cell, columns[at]?.dataTypeID);
      });
      const row: unknown = options.rowMode === "array"
        ? cells
        : Object.fromEntries(columns.map((column, at) => [column.name, cells[at]]));
      rows.push(row as Results["rows"][number]);
    });
    if (!isWell) messagesOf(answer);
    return { rows, fields: columns.map((column) => ({ ...column })), affectedRows: rows.length };
  };

  // One after the other: whoever is not inside of a transaction waits for its end.
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  const query = <T>(text: string, params?: unknown[], options?: Options, before?: Uint8Array) =>
    new Promise<Awaited<ReturnType<typeof client.query<T>>>>((resolve) =>
      resolve(ask(text, params, options, before) as Awaited<ReturnType<typeof client.query<T>>>)
    );

  return {
    query: (text, params, options) => alone(() => query(text, params, options)),
    transaction: (work) =>
      alone(async () => {
        // With the first statement, if there is one.
        let before = concat([bind("begin", []), serialize.execute({})]);
        const isBegun = (): boolean => before === NOTHING;
        try {
          const answer = await work({
            query: (text, params, options) => {
              const first = before;
              before = NOTHING;
              return query(text, params, options, first);
            },
          });
          if (isBegun()) ask("commit");
          return answer;
        } catch (error) {
          if (isBegun()) ask("rollback");
          throw error;
        }
      }),
  };
}

const NOTHING = new Uint8Array();
const DATA_ROW = "D".charCodeAt(0);
const ERROR = "E".charCodeAt(0);
const decoder = new TextDecoder();

/** Of the messages of an answer (a letter, a length, a body each) the cells of its rows. False: it tells an error. */
function readRows(answer: Uint8Array, onRow: (cells: readonly (string | null)[]) => void): boolean {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  for (let at = 0; at < answer.length; at += 1 + view.getInt32(at + 1)) {
    if (answer[at] === ERROR) return false;
    if (answer[at] !== DATA_ROW) continue;
    const cells: (string | null)[] = [];
    let from = at + 7;
    for (let left = view.getInt16(at + 5); left > 0; left--) {
      const length = view.getInt32(from);
      from += 4;
      cells.push(length === -1 ? null : decoder.decode(answer.subarray(from, from + length)));
      from += Math.max(0, length);
    }
    onRow(cells);
  }
  return true;
}

function isParameters(message: Message): message is messages.ParameterDescriptionMessage {
  return message.name === "parameterDescription";
}

function isColumns(message: Message): message is messages.RowDescriptionMessage {
  return message.name === "rowDescription";
}
