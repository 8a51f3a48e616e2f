import type { Child, FC } from "hono/jsx";
import { useContext } from "hono/jsx";
import { Visitor } from "./visitor.ts";

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
 * of its own it is read again every few seconds. `isBare`: nothing to go to, for who is not let in yet.
 */
export const Layout: FC<{
  title: string;
  section?: Section;
  live?: string;
  isFresh?: boolean;
  isBare?: boolean;
  children?: Child;
}> = ({ title, section, live, isFresh = false, isBare = false, children }) => (
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
        {isBare ? null : (
          <nav aria-label="Main">
            {SECTIONS.map(([name, label]) => (
              <a href={`/${name}`} {...(name === section ? { "aria-current": "page" } : {})}>{label}</a>
            ))}
          </nav>
        )}
        {isBare ? null : <SignOut />}
      </header>
      <p id="lost" class="lost" role="status" hidden>
        The server does not answer: what is shown may be old. It is asked again.
      </p>
      <main id="main">{children}</main>
    </body>
  </html>
);

const SignOut: FC = () => {
  const name = useContext(Visitor);
  return name === null ? null : (
    <form method="post" action="/logout" class="leave">
      <span class="muted">{name}</span>
      <button type="submit">Sign out</button>
    </form>
  );
};
