/**
 * Where git fetches from, and how it proves who it is. What is secret travels in the environment of the processes alone:
 * not on a command line, not in the repository's configuration, not in a message.
 */
import { join } from "node:path";
import type { With } from "../../workflow/actions/names.ts";
import { ActionError } from "./deed.ts";
import type { Environment } from "./environment.ts";
import { gitEnvironment, refuseOption } from "./git-process.ts";
import { joinDir, stepDir } from "./host.ts";
import type { Work } from "./work.ts";

export interface Remote extends AsyncDisposable {
  /** Without credentials; a local path is absolute. */
  readonly url: string;
  /** Added to the environment of every git that talks to it. */
  readonly env: Environment;
}

export async function openRemote(given: With<"git.checkout">, work: Work): Promise<Remote> {
  const { url, origin, userInfo } = readAddress(given.repository, work);
  const password = given.token ?? given.password ?? userInfo.password;
  const username = given.username ?? userInfo.username ?? (password === null ? null : "x-access-token");
  const asksPassword = origin !== null && username !== null;
  const key = given.ssh_key_path === null ? null : joinDir(stepDir(work), given.ssh_key_path);
  if (given.ssh_passphrase !== null && key === null) {
    throw new ActionError("ssh_passphrase is of no use without ssh_key_path", "add ssh_key_path");
  }
  const asksPassphrase = given.ssh_passphrase !== null;
  const script = asksPassword || asksPassphrase ? await writeAnswers(work) : null;
  const env = {
    ...(asksPassword && script !== null ? passwordEnv(work, script, origin, username, password ?? "") : {}),
    ...(key === null ? {} : sshEnv(key, asksPassphrase ? script : null, given.ssh_passphrase)),
  };
  return {
    url,
    env,
    [Symbol.asyncDispose]: async () => {
      if (script !== null) await Deno.remove(script).catch(() => {});
    },
  };
}

interface Address {
  readonly url: string;
  /** Scheme, host and port of an HTTP address, as git names them when it asks for a password. */
  readonly origin: string | null;
  readonly userInfo: { readonly username: string | null; readonly password: string | null };
}

function readAddress(repository: string, work: Work): Address {
  const text = refuseOption("repository", repository.trim());
  const nobody = { username: null, password: null };
  if (/^[A-Za-z0-9]+::/.test(text)) {
    throw new ActionError(
      "repository names a transport helper",
      "use an https, ssh, git or file address, or a path",
    );
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return readUrl(text);
  const isRemote = /^[^/]+:/.test(text);
  return { url: isRemote ? text : joinDir(stepDir(work), text), origin: null, userInfo: nobody };
}

function readUrl(text: string): Address {
  if (!URL.canParse(text)) throw new ActionError("repository is not a valid URL", "correct repository");
  const url = new URL(text);
  const isHttp = url.protocol === "https:" || url.protocol === "http:";
  const userInfo = {
    username: url.username === "" ? null : decodeURIComponent(url.username),
    password: url.password === "" ? null : decodeURIComponent(url.password),
  };
  url.password = "";
  if (isHttp) url.username = "";
  return { url: url.href, origin: isHttp ? `${url.protocol}//${url.host}` : null, userInfo };
}

// ---- answers ----------------------------------------------------------------------------------------------------

/**
 * git and ssh start it to ask. It answers for one host alone: where a server leads git on to another one, that one gets
 * nothing.
 */
const ANSWERS = `#!/bin/sh
case "$1" in
  "Username for '$DAGU_GIT_SCHEME://$DAGU_GIT_HOST': ") printf '%s\\n' "$DAGU_GIT_USERNAME" ;;
  "Password for '$DAGU_GIT_SCHEME://"*"@$DAGU_GIT_HOST': ") printf '%s\\n' "$DAGU_GIT_PASSWORD" ;;
  "Enter passphrase for "*) printf '%s\\n' "$DAGU_GIT_PASSPHRASE" ;;
  *) exit 1 ;;
esac
`;

async function writeAnswers(work: Work): Promise<string> {
  const path = join(work.attempt.scratchDir, `${work.attempt.ids.uuid()}.askpass`);
  await Deno.writeTextFile(path, ANSWERS, { mode: 0o700 });
  return path;
}

function passwordEnv(
  work: Work,
  script: string,
  origin: string,
  username: string,
  password: string,
): Environment {
  const [scheme = "", host = ""] = origin.split("://");
  return {
    GIT_ASKPASS: script,
    DAGU_GIT_SCHEME: scheme,
    DAGU_GIT_HOST: host,
    DAGU_GIT_USERNAME: username,
    DAGU_GIT_PASSWORD: password,
    // No helper of the machine may answer first, or keep what we answer.
    ...configEnv(work, { "credential.helper": "", "credential.useHttpPath": "false" }),
  };
}

/** Settings of this one process, after those that the step's environment may hold already. */
function configEnv(work: Work, settings: Readonly<Record<string, string>>): Environment {
  const first = Number(gitEnvironment(work)["GIT_CONFIG_COUNT"] ?? "0") || 0;
  const entries = Object.entries(settings).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${first + index}`, key],
    [`GIT_CONFIG_VALUE_${first + index}`, value],
  ]);
  return {
    ...Object.fromEntries(entries),
    GIT_CONFIG_COUNT: String(first + Object.keys(settings).length),
  };
}

function sshEnv(key: string, script: string | null, passphrase: string | null): Environment {
  // git gives this line to a shell.
  const command = `ssh -i '${key.replaceAll("'", `'\\''`)}' -o IdentitiesOnly=yes`;
  if (script === null) return { GIT_SSH_COMMAND: `${command} -o BatchMode=yes` };
  return {
    GIT_SSH_COMMAND: command,
    SSH_ASKPASS: script,
    SSH_ASKPASS_REQUIRE: "force",
    DAGU_GIT_PASSPHRASE: passphrase ?? "",
  };
}
