/** What a database tells that is away: the same may well succeed later (RP-07). */
import assert from "node:assert/strict";
import { DrizzleQueryError } from "drizzle-orm/errors";
import { answerAway } from "../../../../src/server/http/answer.ts";
import { newTestPorts } from "../../../support/server.ts";
import type { Db } from "../../../../src/server/store/db.ts";

const cases: [code: string, what: string, isAway: boolean][] = [
  ["ECONNREFUSED", "nobody listens", true],
  ["57P01", "it is being shut down", true],
  ["57P03", "it is starting", true],
  ["53300", "it has too many connections", true],
  ["55000", "it takes no connections for now", true],
  ["25006", "it has become a read-only copy", true],
  ["53100", "its disk is full", true],
  ["40P01", "another transaction was in the way", true],
  ["23505", "a key is there already", false],
  ["42P01", "there is no such table", false],
  ["22P05", "a text cannot be stored", false],
];

for (const [code, what, isAway] of cases) {
  Deno.test(`RP-07 the database says that ${what}: ${isAway ? "ask again" : "a mistake of ours"}`, async () => {
    const cause = Object.assign(new Error("from below"), { code });
    const ports = newTestPorts({} as Db);
    const answer = answerAway(ports, new DrizzleQueryError("select 1", [], cause));
    assert.equal(answer?.status, isAway ? 503 : undefined);
    if (answer === null) return;
    assert.equal(answer.headers.get("Retry-After"), "1");
    assert.equal((await answer.json()).retryable, true);
  });
}
