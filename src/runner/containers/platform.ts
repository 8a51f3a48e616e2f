/** `os/arch[/variant]`, in the names that registries use (containers contract 6.4). */
import { own } from "../../workflow/own.ts";

export interface Platform {
  readonly Os: string;
  readonly Architecture: string;
  readonly Variant: string;
}

/** Kernel names, as Docker tells them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  i386: "386",
  x86: "386",
  armv7l: "arm/v7",
  armv6l: "arm/v6",
};

/** Strict: an image of another variant does not count as there (6.4.2). null: anything does. */
export function isSamePlatform(image: Platform, wanted: string | null): boolean {
  if (wanted === null) return true;
  const [os = "", arch = "", variant] = normalized(wanted);
  const [ownOs, ownArch, ownVariant] = normalized(platformOf(image));
  return os === ownOs && arch === ownArch && (variant === undefined || variant === ownVariant);
}

export function platformOf({ Os, Architecture, Variant }: Platform): string {
  return [Os, Architecture, Variant].filter((part) => part !== "").join("/");
}

/** As registries write it. */
export function platformName(text: string): string {
  return normalized(text).join("/");
}

function normalized(text: string): string[] {
  const [os = "", arch = "", ...rest] = text.toLowerCase().split("/");
  return [os, ...(own(ARCHITECTURES, arch) ?? arch).split("/"), ...rest];
}
