/** Whether somebody whom this machine trusts has signed what it is asked to execute (control-plane contract SG-01 to SG-05). */
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import type { Grant } from "../protocol/grant.ts";
import { bindParams, readCallerParams } from "../workflow/inputs.ts";
import { parseJson } from "../workflow/json.ts";
import { digestOfText, partsOf, type Signature, signedBytes } from "../workflow/signature.ts";
import type { Workflow } from "../workflow/workflow.ts";

export interface Signing {
  /** `warn`: what is not signed is executed, and told in the runner's log. */
  readonly mode: "warn" | "block";
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly maxRollbackMs: number | null;
}

const ED25519 = { name: "Ed25519" } as const;
const JwkSet = v.object({
  keys: v.pipe(
    v.array(v.object({
      kty: v.literal("OKP"),
      crv: v.literal("Ed25519"),
      kid: v.string(),
      x: v.string(),
    })),
    v.minLength(1),
  ),
});

/** By key id; null: the text is no JWK set (RFC 7517) of Ed25519 keys with ids. */
export async function readKeys(text: string): Promise<ReadonlyMap<string, CryptoKey> | null> {
  const set = v.safeParse(JwkSet, parseJson(text));
  if (!set.success) return null;
  try {
    return new Map(
      await Promise.all(
        set.output.keys.map(async ({ kid, ...key }) =>
          [kid, await crypto.subtle.importKey("jwk", key, ED25519, false, ["verify"])] as const
        ),
      ),
    );
  } catch {
    return null;
  }
}

export type SignedGrant = Pick<Grant, "run" | "definition" | "params" | "env" | "inputs" | "resume">;

/** null: good. Otherwise why not, for people. `now`: epoch ms. */
export async function signatureProblem(
  { keys }: Signing,
  grant: SignedGrant,
  workflow: Workflow,
  now: number,
): Promise<string | null> {
  const { run, definition, params } = grant;
  const { own, base, signature } = partsOf(definition.yaml);
  if (signature === null) return "the definition is not signed";
  const { value, ...signed } = signature;
  const key = keys.get(signed.keyId);
  if (key === undefined) {
    return `the definition is signed with key ${signed.keyId}, which this runner does not trust`;
  }
  if (!await isValid(key, value, signedBytes(signed))) return "the definition's signature is false";
  if (!await isOf(signed.digest, own)) return "the definition was changed after it was signed";
  if (signed.baseDigest !== (base === null ? "" : await digestOfText(base))) {
    return "the definition was signed with another base configuration";
  }
  // Who asks for one signed workflow is not given another one. The text itself may name it, or the part of it that is meant.
  if (![signed.fileName, workflow.name, definition.document].includes(run.name)) {
    return `the definition was signed as ${signed.fileName}, and the run is one of ${run.name}`;
  }
  if (signed.workspace !== "default") return `the definition was signed for workspace ${signed.workspace}`;
  if (signed.notAfter !== undefined && !(Date.parse(signed.notAfter) >= now)) {
    return `the definition's signature ended at ${signed.notAfter}`;
  }
  const brought = broughtProblem(grant, workflow);
  return brought ?? (signed.allow.params === "declared" ? paramsProblem(params, workflow) : null);
}

/**
 * Variables by which shells, linkers, interpreters and tools are made to execute something else than what they are asked for:
 * beginnings of names, and names.
 */
const CODE_FAMILIES = (
  "LD_ DYLD_ GLIBC_ BASH_FUNC_ GIT_ SSH_ SUDO_ RSYNC_ PYTHON PERL RUBY GEM_ BUNDLE_ NODE_ DENO_ " +
  "BUN_ PHP_ LUA_ JAVA_ _JAVA_ JDK_ MAVEN_ GRADLE_ NPM_ npm_ YARN_ CARGO_ RUSTC_ TAR_ OPENSSL_ XDG_ " +
  "AWS_ DOCKER_ HELM_ ANSIBLE_ TF_"
).split(" ");
const CODE_NAMES = new Set(
  (
    "PATH HOME ENV SHELL BASH_ENV SHELLOPTS BASHOPTS PS4 IFS CDPATH PROMPT_COMMAND ZDOTDIR EDITOR " +
    "VISUAL PAGER MANPAGER BROWSER LESSOPEN LESSCLOSE GCONV_PATH WGETRC CURL_HOME KUBECONFIG " +
    "MAKEFLAGS MAKEFILES GOFLAGS GOROOT GOPATH RUSTFLAGS PHPRC"
  ).split(" "),
);
const TRIGGER_INPUTS: readonly string[] = ["WEBHOOK_PAYLOAD", "WEBHOOK_HEADERS"];

/** What comes beside the definition is not signed: none of it may become code (SG-06). */
function broughtProblem({ env, inputs, params, resume }: SignedGrant, workflow: Workflow): string | null {
  const published = new Set(
    workflow.steps.flatMap(({ output, approval }) => [
      ...(output === null ? [] : [output]),
      ...(approval?.input ?? []),
    ]),
  );
  const declared = new Set(workflow.params.entries.map(({ name }) => name));
  const strangers = [
    ...Object.keys(env).filter((name) => !/^DAGU_EVENT(_|$)/.test(name)),
    ...inputs.map(({ name }) => name).filter((name) => !TRIGGER_INPUTS.includes(name)),
    ...(resume ?? []).flatMap(({ variables, pushBacks }) =>
      [variables, ...pushBacks.map(({ inputs }) => inputs)].flatMap((texts) => Object.keys(texts))
    ).filter((name) => !published.has(name)),
    ...Object.keys(params.values).filter((name) => !declared.has(name) && isCodeName(name)),
  ];
  const [first] = strangers;
  return first === undefined
    ? null
    : `the run brings the variable ${JSON.stringify(first)}, by which what is executed could be changed`;
}

function isCodeName(name: string): boolean {
  return CODE_NAMES.has(name) || CODE_FAMILIES.some((family) => name.startsWith(family));
}

async function isValid(key: CryptoKey, value: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  try {
    return await crypto.subtle.verify(ED25519, key, Uint8Array.fromBase64(value), bytes);
  } catch {
    return false;
  }
}

/** A line end may have been added to what was signed, so that something could stand behind it. */
async function isOf(digest: Signature["digest"], own: string): Promise<boolean> {
  return digest === await digestOfText(own) ||
    (own.endsWith("\n") && digest === await digestOfText(own.slice(0, -1)));
}

/** The control plane has bound them; whether it did so by the declarations is what is asked here (SG-04). */
function paramsProblem({ values, json }: Grant["params"], workflow: Workflow): string | null {
  const bound = bindParams(workflow.params, readCallerParams(json));
  if (!bound.ok) return `its parameters are not as declared: ${bound.messages.join("; ")}`;
  const declared = new Set(workflow.params.entries.map(({ name }) => name));
  const stranger = Object.keys(values).find((name) => !declared.has(name));
  if (stranger !== undefined && workflow.params.schema === undefined) {
    return `parameter ${stranger} is not declared, and the signature is for declared ones`;
  }
  return isDeepStrictEqual({ ...bound.values }, { ...values })
    ? null
    : "its parameters are not what their declarations make of them";
}
