/**
 * What `yaml` means in this tree. Deno takes a package's build for Node where it has one, and of this package that is
 * seventy small CommonJS files, whose loading takes a third of the time of a `dagu validate`. Its modules are the same code.
 */
// @ts-types="yaml-package"
export * from "yaml-modules";
