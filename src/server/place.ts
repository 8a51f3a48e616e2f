/** Where people find what this server shows. */
import type { ServerSettings } from "./settings.ts";

/** The address by which others reach us, without trailing slash: as it is set, else as it was asked for. */
export function addressOf(
  { publicUrl, basePath }: Pick<ServerSettings, "publicUrl" | "basePath">,
  requestUrl: string,
): string {
  return publicUrl === "" ? new URL(requestUrl).origin + basePath : publicUrl;
}

/** Page of a run, below the address. */
export function runPath(run: { readonly name: string; readonly dagRunId: string }): string {
  return `/runs/${encodeURIComponent(run.name)}/${encodeURIComponent(run.dagRunId)}`;
}

/** Page of a delivery, below the address. */
export function deliveryPath(id: string): string {
  return `/deliveries/${id}`;
}
