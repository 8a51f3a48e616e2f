import type { Child, FC } from "hono/jsx";

const SECTIONS = [
  ["runs", "Runs"],
  ["workflows", "Workflows"],
  ["queues", "Queues"],
  ["runners", "Runners"],
  ["deliveries", "Deliveries"],
] as const;

export type Section = (typeof SECTIONS)[number][0];

/**
 * The frame of every page. `live`: path of the event stream that the page's island follows. `isFresh`: without a stream
 * of its own it is read again every few seconds.
 */
export const Layout: FC<{
  title: string;
  section?: Section;
  live?: string;
  isFresh?: boolean;
  children?: Child;
}> = ({ title, section, live, isFresh = false, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>{`${title} · dagu-edge`}</title>
      <link rel="stylesheet" href="/assets/style.css" />
      <link rel="icon" href="data:," />
      <script type="module" src="/assets/live.js"></script>
    </head>
    <body data-live={live ?? ""} data-fresh={isFresh ? "yes" : ""}>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/runs">dagu-edge</a>
        <nav aria-label="Main">
          {SECTIONS.map(([name, label]) => (
            <a href={`/${name}`} {...(name === section ? { "aria-current": "page" } : {})}>{label}</a>
          ))}
        </nav>
      </header>
      <main id="main">{children}</main>
    </body>
  </html>
);
