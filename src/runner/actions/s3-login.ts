/** Where a bucket is, and who asks for it. Nothing comes from the runner's own environment. */
import { join } from "node:path";
import * as v from "valibot";
import { type S3Settings, s3Settings } from "../../workflow/actions/s3.ts";
import { readComplaint } from "../../workflow/schema/fields.ts";
import { ActionError } from "./deed.ts";
import { type Environment, hostEnvironment } from "./environment.ts";
import { joinDir } from "./host.ts";
import type { Work } from "./work.ts";

export interface Bucket {
  readonly name: string;
  /** Without a slash at its end; a key is put behind it. */
  readonly address: string;
  readonly region: string;
  readonly login: Login;
}

export interface Login {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** Keys of root `s3` stand in for those that the step leaves out. */
export async function readBucket(given: S3Settings, work: Work): Promise<Bucket> {
  const settings = readSettings(given, work);
  const env = hostEnvironment(work.attempt.hostEnv, work.call);
  const name = settings.bucket ?? "";
  if (name === "") throw new ActionError("s3.bucket is missing", "give bucket in with, or in s3 at the root");
  const profile = await readProfile(settings.profile || (env["AWS_PROFILE"] ?? ""), env);
  const region = settings.region || env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] ||
    profile["region"] || "us-east-1";
  return {
    name,
    region,
    address: addressOf(name, region, settings),
    login: readLogin(settings, env, profile),
  };
}

function readSettings(given: S3Settings, work: Work): S3Settings {
  const known = Object.entries({ ...work.attempt.scope.defaults["s3"], ...given }).filter(([, value]) =>
    value !== undefined
  );
  const parsed = v.safeParse(s3Settings, Object.fromEntries(known));
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const { message, remedy } = readComplaint(issue.message);
  throw new ActionError(`s3.${v.getDotPath(issue) ?? ""}: ${message}`, remedy);
}

// ---- where
// ------------------------------------------------------------------------------------------------------

/** The bucket is part of the host's name at AWS, and of the path elsewhere, unless the author says. */
function addressOf(bucket: string, region: string, settings: S3Settings): string {
  const isOwn = (settings.endpoint ?? "") !== "";
  const url = readEndpoint(
    isOwn ? settings.endpoint ?? "" : `s3.${region}.amazonaws.com`,
    settings.disable_ssl === true ? "http" : "https",
  );
  // A dot in the host's name would not fit the certificate.
  const isPath = settings.force_path_style ?? (isOwn || bucket.includes("."));
  const path = url.pathname.replace(/\/+$/, "");
  return isPath
    ? `${url.protocol}//${url.host}${path}/${encodeKey(bucket)}`
    : `${url.protocol}//${bucket}.${url.host}${path}`;
}

function readEndpoint(text: string, scheme: string): URL {
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "") return url;
  throw new ActionError("s3.endpoint is no http or https address", "write endpoint: https://HOST:PORT");
}

/** As the signature wants it: everything but letters, digits, `-._~` and the slashes. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll("%2F", "/").replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

// ---- who
// --------------------------------------------------------------------------------------------------------

type Words = Readonly<Record<string, string>>;

/**
 * The step's own keys, those of the profile that it names, those of its environment, those of the usual
 * profile.
 */
function readLogin(settings: S3Settings, env: Environment, profile: Words): Login {
  const named = (settings.profile ?? "") !== "";
  const own = loginOf(settings.access_key_id, settings.secret_access_key, settings.session_token);
  const ofEnv = loginOf(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]);
  const ofProfile = loginOf(
    profile["aws_access_key_id"],
    profile["aws_secret_access_key"],
    profile["aws_session_token"],
  );
  const login = own ?? (named ? ofProfile : ofEnv ?? ofProfile);
  if (login !== null) return login;
  throw new ActionError(
    "there are no S3 credentials",
    "give access_key_id and secret_access_key in with or in s3 at the root, or AWS_ACCESS_KEY_ID and " +
      "AWS_SECRET_ACCESS_KEY in env",
  );
}

function loginOf(id = "", secret = "", token = ""): Login | null {
  if (id === "" && secret === "") return null;
  if (id !== "" && secret !== "") return { accessKeyId: id, secretAccessKey: secret, sessionToken: token };
  throw new ActionError("S3 credentials are only one half", "give access_key_id and secret_access_key");
}

/** Of `~/.aws/credentials` and `~/.aws/config`. */
async function readProfile(name: string, env: Environment): Promise<Words> {
  const folder = join(env["HOME"] ?? "/", ".aws");
  const wanted = name === "" ? "default" : name;
  const read = async (variable: string, file: string, section: string): Promise<Words | undefined> => {
    const path = joinDir(folder, env[variable] || file);
    const text = await Deno.readTextFile(path).catch(() => "");
    return sections(text).get(section);
  };
  const config = await read("AWS_CONFIG_FILE", "config", name === "" ? "default" : `profile ${wanted}`);
  const credentials = await read("AWS_SHARED_CREDENTIALS_FILE", "credentials", wanted);
  if (name !== "" && config === undefined && credentials === undefined) {
    throw new ActionError(`there is no profile ${name} in ${folder}`, "correct profile");
  }
  return { ...config, ...credentials };
}

function sections(text: string): Map<string, Words> {
  const found = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split("\n").map((one) => one.trim())) {
    const [, title] = /^\[\s*(.+?)\s*\]$/.exec(line) ?? [];
    const [, key, value = ""] = /^([a-z_]+)\s*=\s*(.*)$/i.exec(line) ?? [];
    if (title !== undefined) found.set(title, current = found.get(title) ?? {});
    else if (key !== undefined) current[key.toLowerCase()] = value;
  }
  return found;
}
