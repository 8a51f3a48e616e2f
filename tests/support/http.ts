/** Calls of a server that another process is. */
import assert from "node:assert/strict";

/** The answer's JSON; anything but a success fails the test with what was said. */
export async function postJson(url: string, body: unknown = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Whatever is there, as text. */
export async function getText(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  assert.ok(response.ok, `${url}: ${response.status} ${text}`);
  return text;
}

/** Reads the run's stream until it closes: the last state is the final one. `run` is its address in the API. */
export async function followToEnd(run: string): Promise<Record<string, unknown>> {
  const text = await (await fetch(`${run}/stream`)).text();
  const last = text.trimEnd().split("\n\n").filter((frame) => frame.includes("event: run")).at(-1) ?? "";
  return JSON.parse(/^data: (.*)$/m.exec(last)?.[1] ?? "{}");
}
