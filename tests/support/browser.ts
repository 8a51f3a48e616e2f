/** Debian's Chromium, driven by Playwright. What the page's own console complains about fails the test that asks. */
import { type Browser, chromium, type Page } from "playwright-core";
import { required } from "./engines.ts";

export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, of the console and of the content security policy. */
  readonly complaints: readonly string[];
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const PATIENCE_MS = 120_000;

export async function openPage(): Promise<TestPage> {
  const browser: Browser = await chromium.launch({
    executablePath: required("CHROMIUM"),
    headless: true,
    args: FLAGS,
  });
  const page = await browser.newPage();
  // A busy machine is slow, not wrong.
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return { page, complaints, [Symbol.asyncDispose]: () => browser.close() };
}
