import type { Child, FC } from "hono/jsx";

/** The frame of every page. `live`: path of the event stream that the page's island follows. */
export const Layout: FC<{ title: string; live?: string; children?: Child }> = ({ title, live, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>{`${title} · dagu-edge`}</title>
      <link rel="stylesheet" href="/assets/style.css" />
      <link rel="icon" href="data:," />
      {live === undefined ? null : <script type="module" src="/assets/live.js"></script>}
    </head>
    <body data-live={live ?? ""}>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/runs">dagu-edge</a>
        <nav aria-label="Main">
          <a href="/runs">Runs</a>
          <a href="/deliveries">Deliveries</a>
        </nav>
      </header>
      <main id="main">{children}</main>
    </body>
  </html>
);
