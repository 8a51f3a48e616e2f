import assert from "node:assert/strict";
import { isSamePlatform } from "../../../../src/runner/containers/platform.ts";

const CASES: [
  name: string,
  os: string,
  arch: string,
  variant: string,
  wanted: string | null,
  want: boolean,
][] = [
  ["6.4.1 the kernel's name", "linux", "amd64", "", "linux/x86_64", true],
  ["6.4.1 of ARM", "linux", "arm64", "", "linux/aarch64", true],
  ["6.4.1 with its variant", "linux", "arm", "v7", "linux/armv7l", true],
  ["6.4.1 an older one", "linux", "arm", "v6", "linux/armv6l", true],
  ["6.4.1 32 bit", "linux", "386", "", "linux/i386", true],
  ["6.4.2 another variant is not there", "linux", "arm", "v6", "linux/arm/v7", false],
  ["6.4.2 another architecture", "linux", "amd64", "", "linux/arm64", false],
  ["6.4.2 another system", "windows", "amd64", "", "linux/amd64", false],
  ["6.4 whatever the engine has", "linux", "s390x", "", null, true],
];

for (const [name, Os, Architecture, Variant, wanted, want] of CASES) {
  Deno.test(name, () => assert.equal(isSamePlatform({ Os, Architecture, Variant }, wanted), want));
}
