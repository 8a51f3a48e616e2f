/** The one stylesheet, served as /assets/style.css. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #fbfbfa; --panel: #ffffff; --text: #1d2126; --muted: #626b76; --line: #dfe2e6; --link: #0b5cad;
  --good: #16703c; --bad: #b3261e; --busy: #0b5cad; --idle: #626b76; --warn: #8a5a00; --magenta: #8b2f97;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --panel: #1b1f23; --text: #e6e8ea; --muted: #9aa4af; --line: #30363c; --link: #78b4f5;
    --good: #5fc98a; --bad: #f28b82; --busy: #78b4f5; --idle: #9aa4af; --warn: #e2b457; --magenta: #d58be0;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--link); text-underline-offset: 2px; }
a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, textarea:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--panel); padding: 8px; }
.top { display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: baseline; padding: 12px 24px; border-bottom: 1px solid var(--line); background: var(--panel); }
.top nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
.top a[aria-current] { color: inherit; font-weight: 600; text-decoration: none; }
.brand { font-weight: 650; color: inherit; text-decoration: none; }
main { max-width: 1120px; margin: 0 auto; padding: 16px 24px 64px; }
h1 { font-size: 22px; margin: 8px 0 16px; overflow-wrap: anywhere; }
h1 small { color: var(--muted); font-weight: 400; font-size: 15px; }
h2 { font-size: 16px; margin: 28px 0 8px; }
.crumbs, .muted, .empty { color: var(--muted); }
.crumbs { margin: 0; }
table { width: 100%; border-collapse: collapse; background: var(--panel); border: 1px solid var(--line); }
th, td { text-align: left; padding: 8px 12px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th, time, button { white-space: nowrap; }
th { font-weight: 600; color: var(--muted); font-size: 13px; }
tr:last-child td { border-bottom: 0; }
.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
td p, td form { margin: 2px 0; }
td ul { margin: 2px 0; padding-left: 18px; }
@media (max-width: 720px) { main { padding: 8px 12px 48px; } .scroll > table { min-width: 680px; } }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 0 0 16px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.status { white-space: nowrap; color: var(--idle); }
.beside { margin-left: 6px; }
.status.succeeded { color: var(--good); }
.status.failed, .status.rejected { color: var(--bad); }
.status.running, .status.retrying, .status.queued { color: var(--busy); }
.status.waiting, .status.partially_succeeded, .status.aborted { color: var(--warn); }
.failure { border-left: 3px solid var(--bad); padding-left: 10px; margin: 6px 0; }
.failure p { white-space: pre-line; overflow-wrap: anywhere; }
.failure pre { white-space: pre-wrap; color: var(--muted); margin: 4px 0; }
button { font: inherit; padding: 6px 14px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: inherit; cursor: pointer; }
form { margin: 12px 0; }
.task { border-left: 3px solid var(--warn); padding-left: 10px; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.output { white-space: pre-wrap; max-height: 6em; overflow: auto; }
.notice { border-left: 3px solid var(--warn); padding-left: 10px; margin: 6px 0; }
.filter { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
.start { border-color: var(--line); }
.task h2 { margin-top: 0; }
.spec { width: 100%; font: 13px/1.45 ui-monospace, monospace; padding: 12px; border: 1px solid var(--line); background: var(--panel); color: inherit; resize: vertical; tab-size: 2; }
.task label { display: inline-block; min-width: 140px; }
.task .muted { margin-left: 8px; }
.task input, .task select, .filter input:not([type=checkbox]), .filter select { font: inherit; padding: 6px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: inherit; }
.login { display: grid; gap: 8px; max-width: 420px; }
.login input { font: inherit; padding: 8px; border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: inherit; }
.scroll { overflow-x: auto; margin: 16px 0; }
.graph { max-width: none; font-size: 13px; }
.graph .edge { fill: none; stroke: var(--line); stroke-width: 2; }
.graph rect { fill: var(--panel); stroke: var(--idle); stroke-width: 1.5; }
.graph a:hover rect { fill: var(--back); }
.graph text { fill: var(--text); }
.graph .succeeded rect { stroke: var(--good); }
.graph .failed rect { stroke: var(--bad); }
.graph .running rect, .graph .retrying rect { stroke: var(--busy); stroke-width: 2.5; }
.graph .waiting rect, .graph .aborted rect { stroke: var(--warn); }
.graph .skipped rect, .graph .not_started rect { stroke-dasharray: 4 3; }
.tabs { display: flex; gap: 16px; margin: 8px 0; }
.tabs a[aria-current] { font-weight: 600; color: inherit; text-decoration: none; }
.log { background: var(--panel); border: 1px solid var(--line); padding: 12px; overflow: auto; max-height: 75vh; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace; }
.log .bold { font-weight: 700; }
.log .dim { opacity: 0.7; }
.log .red { color: var(--bad); }
.log .green { color: var(--good); }
.log .yellow { color: var(--warn); }
.log .blue, .log .cyan { color: var(--link); }
.log .magenta { color: var(--magenta); }
.log .black, .log .white { color: var(--muted); }
`;
