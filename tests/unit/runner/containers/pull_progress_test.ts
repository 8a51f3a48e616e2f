import assert from "node:assert/strict";
import { newPullProgress, type ProgressLine } from "../../../../src/runner/containers/pull-progress.ts";

const CASES: [name: string, lines: ProgressLine[], text: string][] = [
  ["Docker, an image that is up to date", [
    { status: "Pulling from library/busybox", id: "1.36" },
    { status: "Digest: sha256:f28d" },
    { status: "Status: Image is up to date for busybox:1.36" },
  ], ""],
  ["Docker, one layer known and one on its way", [
    { status: "Already exists", progressDetail: {}, id: "aaa" },
    { status: "Pulling fs layer", progressDetail: {}, id: "bbb" },
    { status: "Downloading", progressDetail: { current: 500_000, total: 2_000_000 }, id: "bbb" },
  ], "0 of 1 layer, 0.5 MB of 2.0 MB"],
  ["what is extracted was fetched; its own numbers are others", [
    { status: "Downloading", progressDetail: { current: 500_000, total: 2_000_000 }, id: "bbb" },
    { status: "Extracting", progressDetail: { current: 100_000, total: 9_000_000 }, id: "bbb" },
  ], "1 of 1 layer, 2.0 MB of 2.0 MB"],
  ["Podman, which tells no bytes of small layers", [
    { status: "Pulling fs layer", progressDetail: {}, id: "ddc" },
    { status: "Pulling fs layer", progressDetail: {}, id: "eee" },
    { status: "Download complete", progressDetail: {}, id: "ddc" },
    { status: "Download complete", progressDetail: {}, id: "ddc" },
  ], "1 of 2 layers"],
];
for (const [name, lines, text] of CASES) {
  Deno.test(`6.1.6 progress of a pull: ${name}`, () => {
    const progress = newPullProgress();
    for (const line of lines) progress.add(line);
    assert.equal(progress.text(), text);
  });
}
