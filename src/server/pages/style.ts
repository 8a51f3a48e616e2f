/** The one stylesheet, served as /assets/style.css. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f7f7f5; --panel: #ffffff; --text: #1d2126; --muted: #5c6570; --line: #dfe2e6; --edge: #868f99; --link: #0b5cad;
  --good: #16703c; --bad: #b3261e; --busy: #0b5cad; --idle: #5c6570; --warn: #8a5a00; --magenta: #8b2f97; --on: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --panel: #1b1f23; --text: #e6e8ea; --muted: #9aa4af; --line: #30363c; --edge: #6f7983; --link: #78b4f5;
    --good: #5fc98a; --bad: #f28b82; --busy: #78b4f5; --idle: #9aa4af; --warn: #e2b457; --magenta: #d58be0; --on: #14171a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--link); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--panel); padding: 8px; }
.top { display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: center; padding: 12px 24px; border-bottom: 1px solid var(--line); background: var(--panel); }
.top nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.top nav a { text-decoration: none; padding: 4px 0; }
.top nav a:hover { text-decoration: underline; }
.top nav a[aria-current] { color: inherit; font-weight: 600; box-shadow: inset 0 -2px var(--link); }
.brand { font-weight: 650; color: inherit; text-decoration: none; }
.leave { display: flex; gap: 12px; align-items: center; margin: 0 0 0 auto; }
.lost { margin: 0; padding: 8px 24px; color: var(--warn); border-bottom: 1px solid var(--line); }
main { max-width: 1280px; margin: 0 auto; padding: 16px 24px 64px; }
h1 { font-size: 22px; margin: 8px 0 16px; overflow-wrap: anywhere; }
h1 small { color: var(--muted); font-weight: 400; font-size: 15px; }
h2 { font-size: 16px; margin: 28px 0 8px; }
.crumbs, .muted, .empty { color: var(--muted); }
.crumbs { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
table { width: 100%; border-collapse: collapse; background: var(--panel); border: 1px solid var(--line); }
th, td { text-align: left; padding: 8px 12px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th, time, button, .id { white-space: nowrap; }
th { font-weight: 600; color: var(--muted); font-size: 13px; }
tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: color-mix(in srgb, var(--link) 5%, transparent); }
.id { font: 13px/1.7 ui-monospace, monospace; }
.quiet { color: inherit; text-decoration: none; }
.quiet:hover { text-decoration: underline; }
.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
td p, td form { margin: 2px 0; }
td ul { margin: 2px 0; padding-left: 18px; }
td code { overflow-wrap: anywhere; }
.sub-runs { padding-left: 0; list-style: none; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0 0 16px; }
.facts:empty { display: none; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.status { white-space: nowrap; color: var(--idle); }
.beside { margin-left: 6px; }
.status.succeeded { color: var(--good); }
.status.failed, .status.rejected { color: var(--bad); }
.status.running, .status.retrying, .status.queued { color: var(--busy); }
.status.waiting, .status.partially_succeeded, .status.aborted { color: var(--warn); }
.failure, .notice, .task { border-left: 3px solid var(--bad); padding-left: 12px; margin: 6px 0; }
.failure p { white-space: pre-line; overflow-wrap: anywhere; margin: 4px 0; }
.failure pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0; max-height: 20em; overflow: auto; }
.notice, .task { border-color: var(--warn); }
.start { border-color: var(--link); }
main > .failure, main > .task { background: var(--panel); border: 1px solid var(--line); border-left: 3px solid var(--bad); padding: 8px 12px; margin: 12px 0; }
main > .task { border-left-color: var(--warn); padding: 12px; }
main > .start { border-left-color: var(--link); }
button { font: inherit; padding: 6px 14px; border: 1px solid var(--edge); border-radius: 6px; background: var(--panel); color: inherit; cursor: pointer; }
button:hover { background: var(--back); }
button.main { background: var(--link); border-color: var(--link); color: var(--on); }
button.grave { border-color: var(--bad); color: var(--bad); }
button.main:hover { filter: brightness(1.08); }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 12px; }
form { margin: 12px 0; }
.actions form { margin: 0; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.output { white-space: pre-wrap; max-height: 6em; overflow: auto; overflow-wrap: anywhere; }
.filter { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
.task > p:first-child, .task h2 { margin-top: 0; }
.spec { width: 100%; font: 13px/1.45 ui-monospace, monospace; padding: 12px; border: 1px solid var(--edge); background: var(--panel); color: inherit; resize: vertical; tab-size: 2; white-space: pre; overflow: auto; }
.field { display: grid; grid-template-columns: 160px minmax(0, 320px) 1fr; gap: 4px 12px; align-items: center; margin: 8px 0; }
.field label { overflow-wrap: anywhere; }
.field select { justify-self: start; }
.task input, .task select, .filter input:not([type=checkbox]), .filter select, .login input { font: inherit; padding: 6px 8px; border: 1px solid var(--edge); border-radius: 6px; background: var(--panel); color: inherit; max-width: 100%; }
.login { display: grid; gap: 8px; max-width: 420px; }
.scroll { overflow-x: auto; margin: 16px 0; }
.graph-frame { max-height: 60vh; overflow: auto; }
.graph { display: block; max-width: none; font-size: 13px; }
.graph .edge { fill: none; stroke: var(--edge); stroke-opacity: 0.55; stroke-width: 1.5; }
.graph rect { fill: var(--panel); stroke: var(--idle); stroke-width: 1.5; }
.graph a:hover rect { fill: var(--back); }
.graph text { fill: var(--text); }
.graph .mark { fill: var(--idle); }
.graph .succeeded rect { stroke: var(--good); }
.graph .succeeded .mark { fill: var(--good); }
.graph .failed rect, .graph .rejected rect { stroke: var(--bad); stroke-width: 2.5; }
.graph .failed .mark, .graph .rejected .mark { fill: var(--bad); }
.graph .running rect, .graph .retrying rect { stroke: var(--busy); stroke-width: 2.5; }
.graph .running .mark, .graph .retrying .mark { fill: var(--busy); }
.graph .waiting rect, .graph .aborted rect { stroke: var(--warn); }
.graph .waiting .mark, .graph .aborted .mark { fill: var(--warn); }
.graph .skipped rect, .graph .not_started rect { stroke-dasharray: 4 3; }
.tabs { display: flex; gap: 16px; margin: 8px 0; }
.tabs a[aria-current] { font-weight: 600; color: inherit; text-decoration: none; }
.log { background: var(--panel); border: 1px solid var(--line); padding: 12px; overflow: auto; max-height: 75vh; white-space: pre-wrap; overflow-wrap: anywhere; }
.log .bold { font-weight: 700; }
.log .dim { opacity: 0.7; }
.log .red { color: var(--bad); }
.log .green { color: var(--good); }
.log .yellow { color: var(--warn); }
.log .blue, .log .cyan { color: var(--link); }
.log .magenta { color: var(--magenta); }
.log .black, .log .white { color: var(--muted); }
@media (max-width: 720px) {
  main { padding: 8px 12px 48px; }
  .top { padding: 10px 12px; font-size: 14px; }
  .top nav { gap: 4px 12px; }
  .field { grid-template-columns: 1fr; }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; left: -9999px; }
  tr { padding: 8px 12px; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  td { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 0 8px; padding: 2px 0; border: 0; }
  td::before { content: attr(data-label); color: var(--muted); font-size: 13px; line-height: 1.75; grid-row: 1 / span 99; }
  td > * { grid-column: 2; }
  td:empty, td:has(> :only-child:empty) { display: none; }
  .id { white-space: normal; overflow-wrap: anywhere; }
}
`;
