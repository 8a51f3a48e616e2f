import { type Command, type Context, writeOut } from "../command.ts";
import { databaseUrl } from "../home.ts";
import { locateHome, readServerRecord } from "../home.ts";
import { formatTable } from "./table.ts";

export const command: Command = {
  usage: "config",
  summary: "Prints the settings of this call, and the variable that sets each. Nothing secret is shown.",
  examples: ["dagu config --dagu-home /srv/dagu"],
  options: {},
  arguments: [0, 0],
  run: async (context) => {
    writeOut(formatTable(["SETTING", "VALUE", "VARIABLE"], await settingsOf(context)));
    return 0;
  },
};

async function settingsOf({ env }: Context): Promise<string[][]> {
  const home = locateHome(env);
  const server = env["DAGU_SERVER"] || ((await readServerRecord(home))?.url ?? "none");
  return [
    ["home", home.dir, "DAGU_HOME"],
    ["definitions", home.dagsDir, "DAGU_DAGS_DIR"],
    ["database", databaseName(env, home.dataDir), "DAGU_DATABASE_URL, DATABASE_URL"],
    ["runner state", home.runnerDir, "DAGU_HOME"],
    ["server", server, "DAGU_SERVER"],
    [
      "listens on",
      `${env["DAGU_HOST"] || "127.0.0.1"}:${env["DAGU_PORT"] || "8080"}`,
      "DAGU_HOST, DAGU_PORT",
    ],
    ["authentication", env["DAGU_AUTH_MODE"] || "none", "DAGU_AUTH_MODE"],
    ["log format", env["DAGU_LOG_FORMAT"] || "text", "DAGU_LOG_FORMAT"],
    ["container engine", env["DAGU_CONTAINER_RUNTIME"] || "docker", "DAGU_CONTAINER_RUNTIME"],
  ];
}

/** Without user and password. */
function databaseName(env: Context["env"], embedded: string): string {
  const url = databaseUrl(env);
  if (url === null) return `embedded in ${embedded}`;
  return URL.canParse(url) ? `Postgres at ${new URL(url).host}${new URL(url).pathname}` : "Postgres";
}
