/** `chat.completion` against a service that speaks chat completions (workflow-language contract 6.5). */
import assert from "node:assert/strict";
import { type HostBench, openHostBench, type Performed } from "../../support/host-actions.ts";
import { namedCall } from "../../support/named-call.ts";

type Given = Readonly<Record<string, unknown>>;

interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly asked: { readonly body: Given; readonly authorization: string | null }[];
  readonly host: HostBench;
  chat(given: Given, env?: Readonly<Record<string, string>>): Promise<Performed>;
}

async function openBench(llm: Given = {}): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const asked: Bench["asked"] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const body: Given = await request.json();
    asked.push({ body, authorization: request.headers.get("authorization") });
    return answer(String(body["model"]), body["stream"] === true);
  });
  stack.defer(() => server.shutdown());
  const url = `http://127.0.0.1:${server.addr.port}/v1`;
  const defaults = Object.keys(llm).length === 0 ? {} : { llm: { base_url: url, ...llm } };
  const host = stack.use(await openHostBench({ scope: { defaults } }));
  return {
    url,
    asked,
    host,
    chat: (given, stepEnv = {}) =>
      host.perform({ action: namedCall("chat.completion", given), scopeEnv: stepEnv, stepEnv }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const choice = (said: Given): Given => ({ choices: [{ delta: said, message: said }] });

function answer(model: string, isStream: boolean): Response {
  switch (model) {
    case "busy":
      return Response.json({ error: { message: "overloaded" } }, { status: 529 });
    case "locked":
      return Response.json({ error: { message: "bad key" } }, { status: 401 });
    case "slow of speech":
      return Response.json(choice({ content: "Whole" }));
    case "page":
      return new Response("<html>", { headers: { "content-type": "text/html" } });
    case "mute":
      return isStream ? stream([]) : Response.json(choice({ content: "" }));
    case "breaks":
      return stream([choice({ content: "half" }), { error: { message: "cut off" } }]);
    default: {
      const thought = { reasoning_content: "hm. " };
      return isStream
        ? stream([
          choice(thought),
          choice({ role: "assistant" }),
          choice({ content: "Hel" }),
          choice({ content: "lo ü" }),
        ])
        : Response.json(choice({ ...thought, content: "Hello ü\n" }));
    }
  }
}

function stream(pieces: readonly Given[]): Response {
  const events = pieces.map((piece) => `data: ${JSON.stringify(piece)}\n\n`);
  return new Response(`: hello\n\n${events.join("")}data: [DONE]\n\n`, {
    headers: { "content-type": "text/event-stream" },
  });
}

/** The HTTP client has a clock of its own for all its connections, which outlives each of them by a second. */
function check(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

check("6.5 chat.completion prints the answer, in pieces or whole, with a line end", async () => {
  await using on = await openBench();
  for (const stream of [true, false]) {
    const { outcome, stdout } = await on.chat({ base_url: on.url, model: "m", prompt: "hi", stream });
    assert.deepEqual([outcome.exitCode, stdout], [0, "Hello ü\n"]);
  }
  const shown = await on.chat({
    base_url: on.url,
    model: "m",
    prompt: "hi",
    thinking: { include_in_output: true },
  });
  assert.equal(shown.stdout, "hm. Hello ü\n");
});

check("6.5 chat.completion takes a whole answer from a service that sends no pieces", async () => {
  await using on = await openBench();
  const { stdout } = await on.chat({ base_url: on.url, model: "slow of speech", prompt: "hi" });
  assert.equal(stdout, "Whole\n");
});

check("6.5 chat.completion: models with settings of their own, each asked at its own address", async () => {
  await using on = await openBench();
  const model = [
    { name: "busy", temperature: 1 },
    { provider: "openai", name: "m", base_url: on.url, api_key_name: "OTHER", max_tokens: 5 },
  ];
  const given = { base_url: on.url, model, prompt: "p", temperature: 0.5, api_key_name: "MINE" };
  const { outcome } = await on.chat(given, { MINE: "k-1", OTHER: "k-2" });
  assert.equal(outcome.exitCode, 0);
  const told = on.asked.map(({ body, authorization }) => [
    authorization,
    body["model"],
    body["temperature"],
    body["max_tokens"],
  ]);
  assert.deepEqual(told, [["Bearer k-1", "busy", 1, undefined], ["Bearer k-2", "m", 0.5, 5]]);
  const strange = await on.chat({ ...given, model: [{ provider: "openai", name: "m" }] }, { MINE: "k-1" });
  assert.match(strange.outcome.failure?.message ?? "", /OPENAI_API_KEY/);
});

check("6.5 chat.completion sends what it is given, and the key of the step", async () => {
  await using on = await openBench();
  const given = {
    base_url: `${on.url}/`,
    model: "m",
    system: "be brief",
    messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }, {
      role: "user",
      content: "c",
    }],
    temperature: 0.5,
    top_p: "0.9",
    max_tokens: 10,
    api_key_name: "MY_KEY",
    thinking: { effort: "low" },
  };
  await on.chat(given, { MY_KEY: "k-1" });
  await on.chat({ base_url: on.url, model: "m", prompt: "p", stream: false, thinking: { budget_tokens: 9 } });
  assert.deepEqual(on.asked, [
    {
      body: {
        model: "m",
        messages: [{ role: "system", content: "be brief" }, ...given.messages],
        stream: true,
        temperature: 0.5,
        top_p: 0.9,
        max_tokens: 10,
        reasoning_effort: "low",
      },
      authorization: "Bearer k-1",
    },
    {
      body: {
        model: "m",
        messages: [{ role: "user", content: "p" }],
        stream: false,
        thinking: { type: "enabled", budget_tokens: 9 },
      },
      authorization: null,
    },
  ]);
});

check("6.5 chat.completion: of several models the first that answers", async () => {
  await using on = await openBench();
  const good = await on.chat({ base_url: on.url, model: ["busy", "page", "m"], prompt: "hi", stream: false });
  assert.deepEqual([good.outcome.exitCode, good.stdout], [0, "Hello ü\n"]);
  assert.deepEqual(on.asked.map(({ body }) => body["model"]), ["busy", "page", "m"]);
});

check("6.5 chat.completion: a step with settings of its own takes none from root llm", async () => {
  await using on = await openBench({ model: "m", temperature: 1 });
  assert.equal((await on.chat({ prompt: "hi" })).stdout, "Hello ü\n");
  assert.equal(on.asked[0]?.body["temperature"], 1);
  const own = await on.chat({ base_url: on.url, model: "m", prompt: "hi" });
  assert.deepEqual([own.outcome.exitCode, on.asked[1]?.body["temperature"]], [0, undefined]);
});

check("6.5 chat.completion: how it fails", async () => {
  await using on = await openBench();
  const cases: [Given, RegExp][] = [
    [{ model: "busy" }, /the provider answered 529: overloaded/],
    [{ model: "locked" }, /the provider answered 401: bad key/],
    [{ model: "page", stream: false }, /the answer is none of a chat/],
    [{ model: "mute" }, /the model answered nothing/],
    [{ model: ["breaks", "m"] }, /cut off/],
    [{ model: "m", api_key_name: "NO_KEY" }, /variable NO_KEY of the step, the provider's key, is not set/],
    [{ model: "m", base_url: "http://127.0.0.1:1" }, /POST http:\/\/127\.0\.0\.1:1\/chat\/completions/],
    [{}, /no model is named/],
  ];
  for (const [given, message] of cases) {
    const { outcome } = await on.chat({ base_url: on.url, prompt: "hi", ...given });
    assert.equal(outcome.exitCode, 1);
    assert.match(outcome.failure?.message ?? "", message);
  }
  const keyless = await on.chat({ model: "m", prompt: "hi" });
  assert.match(keyless.outcome.failure?.message ?? "", /variable OPENAI_API_KEY/);
});
