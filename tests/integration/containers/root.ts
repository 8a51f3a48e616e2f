/** Root containers of tests, and commands in them. */
import assert from "node:assert/strict";
import {
  type ExecRequest,
  openRootContainer,
  type RootContainer,
} from "../../../src/runner/containers/root-container.ts";
import type { ContainerRequest } from "../../../src/runner/containers/spec.ts";
import type { Failure } from "../../../src/run/failure.ts";
import {
  type Bench,
  collect,
  type Collected,
  exitOf,
  IDLE,
  type Reported,
  reporter,
  STOP,
  textOf,
} from "./bench.ts";

export async function openRoot(
  bench: Bench,
  request: ContainerRequest = bench.request(),
  report: Reported = reporter(),
): Promise<RootContainer> {
  const root = await openRootContainer(bench.engine, request, report, IDLE);
  assert.ok("facts" in root, JSON.stringify(root));
  return root;
}

export async function refusal(
  bench: Bench,
  request: ContainerRequest,
  report = reporter(),
): Promise<Failure> {
  const root = await openRootContainer(bench.engine, request, report, IDLE);
  assert.ok(!("facts" in root), "it came up");
  return root;
}

export function sh(text: string, more: Partial<ExecRequest> = {}): ExecRequest {
  return { argv: ["/bin/sh", "-e", "-c", text], env: {}, workingDir: null, user: null, ...more };
}

export async function exec(
  root: RootContainer,
  request: ExecRequest,
): Promise<{ end: string; text: string; out: Collected }> {
  const out = collect();
  const outcome = await root.exec(request, STOP, out, IDLE);
  return { end: exitOf(outcome), text: textOf(outcome), out };
}
