/** Rows F01 to F12 of the failure table: what is wrong between the runner and the engine. */
import type { Failure } from "../../run/failure.ts";
import type { EngineError } from "./api/error.ts";
import { addressText, type Runtime } from "./runtime.ts";

type Explained = Pick<Failure, "code" | "message" | "remedy">;

/** null: the engine answered, and its words are to be read. */
export function explainConnection(runtime: Runtime, error: EngineError): Explained | null {
  switch (error.kind) {
    case "unreachable":
      return explainUnreachable(runtime, error);
    case "silent":
      return {
        code: "ENGINE_UNREACHABLE",
        message: `${runtime.kind} at ${place(runtime)} does not answer: ${error.message}`,
        remedy: "the engine is overloaded or stuck: look at its log, restart it",
      };
    case "broken":
      return {
        code: "ENGINE_UNREACHABLE",
        message: `${runtime.kind} at ${place(runtime)} ended the connection during ${error.operation}`,
        remedy: "see whether the engine is being restarted",
      };
    case "foreign":
      return {
        code: "ENGINE_PROTOCOL",
        message: `${place(runtime)} is not a Docker-compatible API: ${error.message}`,
        remedy: `check that ${variable(runtime)} names the engine's API socket`,
      };
    case "version":
      return {
        code: "ENGINE_PROTOCOL",
        message: `${runtime.kind} at ${place(runtime)} is too old: ${error.message}`,
        remedy: "update the engine",
      };
    case "config":
      return {
        code: "RUNTIME_CONFIG_INVALID",
        message: error.message,
        remedy:
          "DOCKER_CERT_PATH must name a folder with ca.pem, cert.pem and key.pem, readable by the runner",
      };
    case "answered":
      return /client version \S+ is too (?:new|old)/i.test(error.message)
        ? explainRefusedVersion(runtime, error)
        : null;
    case "aborted":
      return null;
    default:
      return error.kind satisfies never;
  }
}

function explainUnreachable(runtime: Runtime, error: EngineError): Explained {
  const { file, cause } = error;
  const where = place(runtime);
  const begin = `cannot connect to ${runtime.kind} at ${where}`;
  const path = runtime.address.kind === "unix" ? runtime.address.path : "";
  if (file?.state === "other") {
    return {
      code: "RUNTIME_CONFIG_INVALID",
      message: `${begin}: ${path} is not a socket`,
      remedy: `correct ${variable(runtime)}`,
    };
  }
  if (cause === "EACCES" || cause === "EPERM") {
    const mode = file?.mode === undefined || file.mode === "" ? "unknown" : file.mode;
    return {
      code: "ENGINE_PERMISSION",
      message: `${begin}: permission denied on ${path} (mode and owner: ${mode}; the runner is ${ourIds()})`,
      remedy: "give the runner's user access by its group, or use the rootless socket of that user",
    };
  }
  if (cause === "ENOENT" || file?.state === "missing") {
    return {
      code: "ENGINE_UNREACHABLE",
      message: `${begin}: socket does not exist: ${path}`,
      remedy: unitHint(runtime, "enable"),
    };
  }
  if (cause === "ECONNREFUSED" && path !== "") {
    return {
      code: "ENGINE_UNREACHABLE",
      message: `${begin}: nobody listens on ${path} (${cause})`,
      remedy: unitHint(runtime, "restart"),
    };
  }
  const phase = /^(?:ENOTFOUND|EAI_)/.test(cause) ? "DNS" : /CERT|TLS|SSL/.test(cause) ? "TLS" : "connect";
  return {
    code: "ENGINE_UNREACHABLE",
    message: `${begin}: ${phase} failed (${cause}: ${error.message})`,
    remedy: `check ${variable(runtime)} and that the engine can be reached from the runner's process`,
  };
}

function explainRefusedVersion(runtime: Runtime, error: EngineError): Explained {
  const remedy = runtime.apiVersion === null ? "update the engine" : "unset DOCKER_API_VERSION of the runner";
  return {
    code: "ENGINE_PROTOCOL",
    message: `${runtime.kind} at ${place(runtime)} refused the API version: ${error.message}`,
    remedy,
  };
}

/** With where the address comes from: people look for the wrong one first (F01). */
function place(runtime: Runtime): string {
  const source = runtime.source === "default"
    ? `default; ${variable(runtime)} is not set`
    : `from ${runtime.source}`;
  return `${addressText(runtime.address)} (${source})`;
}

function variable(runtime: Runtime): string {
  return runtime.kind === "podman" ? "DAGU_PODMAN_HOST" : "DOCKER_HOST";
}

function unitHint(runtime: Runtime, verb: "enable" | "restart"): string {
  if (runtime.kind === "docker") {
    return `${
      verb === "enable" ? "start" : "restart"
    } the Docker daemon, or set DOCKER_HOST; a runner in a container needs the socket mounted`;
  }
  const command = verb === "enable" ? "enable --now" : "restart";
  return `Linux: systemctl ${command} podman.socket, or systemctl --user ${command} podman.socket and the user's own path in ` +
    "DAGU_PODMAN_HOST; macOS: podman machine start, then read the socket's path again; a runner in a container needs the " +
    "socket mounted";
}

function ourIds(): string {
  return `user ${Deno.uid() ?? "?"}, group ${Deno.gid() ?? "?"}`;
}
