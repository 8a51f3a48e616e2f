/**
 * Where a Postgres server is and who enters: a URL, or libpq's `key=value` words; `PG*` of the step's
 * environment for the
 * rest. The library reads the runner's own environment for whatever it is not told, so it is told everything.
 */
import { join } from "node:path";
import { ActionError } from "./deed.ts";
import type { Environment } from "./environment.ts";
import { own } from "../../workflow/own.ts";

export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  /** Of a socket file; null: TCP. */
  readonly path: string | null;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly sslMode: SslMode;
  /** Of a file with certificates of authorities; empty: those of the system. */
  readonly sslRootCert: string;
  readonly applicationName: string;
  readonly options: string;
}

const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof SSL_MODES)[number];

const REMEDY = "write dsn: postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require";

/** Words of libpq that change nothing here. */
const IDLE = new Set(["connect_timeout", "pool_max_conns", "fallback_application_name", "client_encoding"]);

const VARIABLES: Readonly<Record<string, string>> = {
  host: "PGHOST",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  application_name: "PGAPPNAME",
  options: "PGOPTIONS",
};

export function readDsn(dsn: string, env: Environment): PostgresPlace {
  const words = /^postgres(ql)?:\/\//i.test(dsn.trim()) ? urlWords(dsn.trim()) : pairWords(dsn.trim());
  const unknown = Object.keys(words).find((name) => own(VARIABLES, name) === undefined && !IDLE.has(name));
  if (unknown !== undefined) {
    throw new ActionError(
      `dsn has the unknown parameter ${unknown}`,
      `known are ${Object.keys(VARIABLES).join(", ")}`,
    );
  }
  const word = (name: string): string => own(words, name) || (env[own(VARIABLES, name) ?? ""] ?? "");
  const host = word("host") || "localhost";
  const port = Number(word("port") || "5432");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ActionError("dsn has a port that is none", REMEDY);
  }
  const user = word("user");
  if (user === "") throw new ActionError("dsn names no user", REMEDY);
  return {
    host,
    port,
    path: host.startsWith("/") ? join(host, `.s.PGSQL.${port}`) : null,
    database: word("dbname") || user,
    user,
    password: word("password"),
    sslMode: readSslMode(word("sslmode")),
    sslRootCert: word("sslrootcert"),
    applicationName: word("application_name") || "dagu-edge",
    options: word("options"),
  };
}

function readSslMode(text: string): SslMode {
  const mode = SSL_MODES.find((one) => one === (text || "prefer"));
  if (mode !== undefined) return mode;
  throw new ActionError("dsn has an unknown sslmode", `use one of: ${SSL_MODES.join(", ")}`);
}

type Words = Readonly<Record<string, string>>;

function urlWords(dsn: string): Words {
  if (!URL.canParse(dsn)) throw new ActionError("dsn is not a URL", REMEDY);
  const url = new URL(dsn);
  const part = (name: string, text: string): [string, string][] => {
    try {
      return text === "" ? [] : [[name, decodeURIComponent(text)]];
    } catch {
      throw new ActionError(`dsn: ${name} is not percent-encoded`, "write % in it as %25");
    }
  };
  return Object.fromEntries([
    ...part("host", url.hostname.replace(/^\[|\]$/g, "")),
    ...part("port", url.port),
    ...part("user", url.username),
    ...part("password", url.password),
    ...part("dbname", url.pathname.slice(1)),
    ...url.searchParams,
  ]);
}

function pairWords(dsn: string): Words {
  const pairs = [...dsn.matchAll(/([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S*))\s*/gy)];
  const isWhole = pairs.reduce((size, [all]) => size + all.length, 0) === dsn.length;
  if (!isWhole) throw new ActionError("dsn is neither a URL nor words such as host=HOST", REMEDY);
  return Object.fromEntries(
    pairs.map(([, name = "", quoted, plain = ""]) => [name, (quoted ?? plain).replace(/\\(.)/g, "$1")]),
  );
}
