/** `/info`. */
import * as v from "valibot";
import type { Reply } from "./error.ts";
import type { Socket } from "./socket.ts";

const Info = v.object({
  OSType: v.optional(v.string(), "linux"),
  Architecture: v.optional(v.string(), ""),
  SecurityOptions: v.nullish(v.array(v.string()), []),
  /** Podman's way of saying it; Docker has `name=rootless` among the options. */
  Rootless: v.optional(v.boolean(), false),
  CgroupVersion: v.optional(v.string(), ""),
  MemoryLimit: v.optional(v.boolean(), true),
  PidsLimit: v.optional(v.boolean(), true),
  /** Storage driver. */
  Driver: v.optional(v.string(), ""),
  DockerRootDir: v.optional(v.string(), ""),
  Images: v.optional(v.number(), 0),
  KernelVersion: v.optional(v.string(), ""),
  LoggingDriver: v.optional(v.string(), ""),
  /** RFC 3339, by the engine's clock. */
  SystemTime: v.optional(v.string(), ""),
});
export type SystemInfo = v.InferOutput<typeof Info>;

/** Costs Podman 0.2 s: for the doctor, not for every run. */
export function systemInfo(socket: Socket, signal: AbortSignal): Promise<Reply<SystemInfo>> {
  return socket.request({ operation: "info", method: "GET", path: "/info" }, Info, signal);
}
