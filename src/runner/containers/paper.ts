/**
 * An engine of paper: what the real code would ask of an engine is written down and answered as if all went well. A plan
 * made with it cannot differ from what a run sends (containers contract B60).
 */
import * as v from "valibot";
import { isMapping } from "../../workflow/json.ts";
import { engineError } from "./api/error.ts";
import type { ByteStream, Call, Socket } from "./api/socket.ts";
import type { Engine } from "./engine.ts";
import type { EngineGuard } from "./guard.ts";
import type { Labels } from "./labels.ts";
import { newRunNetwork } from "./run-network.ts";
import { addressText, type Runtime } from "./runtime.ts";

/** What makes something on an engine; looking and tidying are left out. */
const TOLD: ReadonlySet<string> = new Set([
  "image pull",
  "container create",
  "container put",
  "exec create",
  "network create",
]);

export interface PlannedCall {
  readonly operation: string;
  /** `POST /containers/create?name=...`, without the version. */
  readonly request: string;
  readonly body?: unknown;
}

export interface PaperEngine {
  readonly engine: Engine;
  /** What was written down since the last time. */
  take(): readonly PlannedCall[];
}

export function openPaperEngine(runtime: Runtime, guard: EngineGuard): PaperEngine {
  const calls: PlannedCall[] = [];
  const note = (call: Call): void => {
    if (!TOLD.has(call.operation)) return;
    const { operation, body } = call;
    calls.push({
      operation,
      request: `${call.method} ${call.path}${queryText(call)}`,
      ...(body === undefined ? {} : { body }),
    });
  };
  const engine: Engine = {
    runtime,
    address: addressText(runtime.address),
    socket: newPaperSocket(note),
    limits: { answerMs: 1_000, reconnectMs: 0, readyMs: 10_000, progressMs: 0 },
    pulls: new Map(),
    init: { isThere: true },
    guard,
    ...(runtime.network === "bridge"
      ? {}
      : { network: newRunNetwork(PLANNED, runtime.network === "internal") }),
    isPaper: true,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { engine, take: () => calls.splice(0) };
}

const PLANNED: Labels = { workflow: "PLAN", run: "PLAN", attempt: "PLAN", step: "", runner: "PLAN" };

function queryText({ query }: Call): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null);
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
  return text === "" ? "" : `?${text}`;
}

function newPaperSocket(note: (call: Call) => void): Socket {
  /** Ids of containers that go on when their command was asked for. */
  const lasting = new Set<string>();
  /** Platforms of the images that were pulled. */
  const platforms = new Map<string, string>();
  let made = 0;

  const answer = (call: Call): unknown => {
    switch (call.operation) {
      case "container create": {
        const id = `plan-${++made}`;
        if (roleOf(call.body) !== "step") lasting.add(id);
        return { Id: id };
      }
      case "exec create":
        return { Id: "plan" };
      case "exec inspect":
        return { Running: false, ExitCode: 0 };
      case "image inspect":
        return imageOf(platforms.get(imageIn(call)) ?? OWN_PLATFORM);
      case "container inspect":
        return containerOf(call, lasting);
      default:
        return {};
    }
  };
  return {
    identity: () =>
      Promise.resolve({ ok: true, value: { apiVersion: "1.41", isPodman: false, engineVersion: "" } }),
    request: (call, schema) => {
      note(call);
      if (call.operation === FREE_NAME.operation) return Promise.resolve({ ok: false, error: FREE_NAME });
      return Promise.resolve({ ok: true, value: v.parse(schema, answer(call)) });
    },
    head: () => Promise.resolve({ ok: true, value: {} }),
    stream: (call) => {
      note(call);
      if (call.operation !== "image pull") return Promise.resolve({ ok: true, value: newText("") });
      platforms.set(imageIn(call), String(call.query?.["platform"] ?? OWN_PLATFORM));
      return Promise.resolve({ ok: true, value: newText("{}\n") });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Nobody has the names that containers are to get. */
const FREE_NAME = engineError("answered", "container name check", "no such container", { status: 404 });

const OWN_PLATFORM = `linux/${Deno.build.arch === "x86_64" ? "amd64" : "arm64"}`;

/** The image that is pulled or inspected, as it is written. */
function imageIn({ path, query }: Call): string {
  const [, inspected] = /^\/images\/(.+)\/json$/.exec(path) ?? [];
  if (inspected !== undefined) return decodeURIComponent(inspected);
  const tag = String(query?.["tag"] ?? "");
  return `${query?.["fromImage"] ?? ""}${tag.includes(":") ? "@" : ":"}${tag}`;
}

function imageOf(platform: string): unknown {
  const [Os = "", Architecture = "", Variant = ""] = platform.split("/");
  return { Id: "sha256:plan", Os, Architecture, Variant };
}

/** A container that is not one of ours is a foreign one, which runs. */
function containerOf(call: Call, lasting: ReadonlySet<string>): unknown {
  const target = decodeURIComponent(call.path.split("/")[2] ?? "");
  const isRunning = lasting.has(target) || !target.startsWith("plan-");
  return {
    Id: target,
    Name: `/${target}`,
    Image: "",
    State: { Status: isRunning ? "running" : "exited", Running: isRunning, ExitCode: 0 },
    Config: {},
    HostConfig: {},
  };
}

function roleOf(body: unknown): string {
  const labels = isMapping(body) ? body["Labels"] : null;
  return isMapping(labels) ? String(labels["dagu-edge.role"]) : "";
}

function newText(text: string): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      if (text !== "") yield await Promise.resolve(new TextEncoder().encode(text));
    },
    [Symbol.dispose]: () => {},
  };
}
