/** From where a request comes (AU-04). */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { isIn, readNetwork } from "../../../../src/server/access/network.ts";
import { type Connection, type Sender, senderOf } from "../../../../src/server/http/sender.ts";

const inside: [network: string, address: string, want: boolean][] = [
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["10.0.0.0/8", "::ffff:10.1.2.3", true],
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.8", false],
  ["192.0.2.128/25", "192.0.2.127", false],
  ["0.0.0.0/0", "198.51.100.1", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["2001:db8::/32", "2001:db8:1::5", true],
  ["2001:db8::/32", "2001:db9::5", false],
  ["fe80::/10", "fe80::1%eth0", true],
  ["::1", "::1", true],
  ["::1", "0:0:0:0:0:0:0:1", true],
  ["::1", "localhost", false],
  ["::1", "", false],
];
for (const [network, address, want] of inside) {
  Deno.test(`AU-04 ${address} is ${want ? "" : "not "}in ${network}`, () => {
    const read = readNetwork(network);
    assert.ok(read);
    assert.equal(isIn(address, [read]), want);
  });
}

for (
  const text of ["", "proxy", "10.0.0.0/33", "10.0.0/8", "256.0.0.1", "::1/129", "1.2.3.4/", "::g", "[::1]"]
) {
  Deno.test(`AU-04 "${text}" is no network`, () => assert.equal(readNetwork(text), null));
}

const PROXIES = ["10.0.0.0/8", "192.0.2.10"];
const cases: [name: string, remote: string | null, forwarded: string | null, want: Sender][] = [
  ["the socket's other end", "198.51.100.1", null, { address: "198.51.100.1", counted: "198.51.100.1" }],
  ["IPv4 in IPv6", "::ffff:198.51.100.1", null, { address: "198.51.100.1", counted: "198.51.100.1" }],
  ["unknown to the host", null, "198.51.100.1", { address: null, counted: null }],
  ["what a stranger claims", "198.51.100.1", "203.0.113.9", { address: "198.51.100.1", counted: null }],
  ["what our proxy says", "10.0.0.1", "203.0.113.9", { address: "203.0.113.9", counted: "203.0.113.9" }],
  [
    "what our proxy says behind what its caller claimed",
    "10.0.0.1",
    "192.0.2.66, 203.0.113.9",
    { address: "203.0.113.9", counted: "203.0.113.9" },
  ],
  [
    "through two proxies of ours",
    "10.0.0.1",
    "192.0.2.66, 203.0.113.9, 192.0.2.10",
    { address: "203.0.113.9", counted: "203.0.113.9" },
  ],
  ["our proxies alone", "10.0.0.1", "10.0.0.2", { address: "10.0.0.1", counted: null }],
  ["no address in it", "10.0.0.1", "203.0.113.9, <script>", { address: "10.0.0.1", counted: null }],
  ["a private network, where a proxy may be", "172.16.3.1", null, { address: "172.16.3.1", counted: null }],
  ["this machine", "127.0.0.1", null, { address: "127.0.0.1", counted: null }],
];
for (const [name, remoteAddress, forwarded, want] of cases) {
  Deno.test(`AU-04 whose delivery it is: ${name}`, async () => {
    const app = new Hono<{ Bindings: Connection }>();
    const trusted = PROXIES.flatMap((text) => readNetwork(text) ?? []);
    app.get("/", (c) => c.json(senderOf(c, trusted)));
    const headers = new Headers(forwarded === null ? {} : { "X-Forwarded-For": forwarded });
    const response = await app.fetch(new Request("http://localhost/", { headers }), { remoteAddress });
    assert.deepEqual(await response.json(), want);
  });
}
