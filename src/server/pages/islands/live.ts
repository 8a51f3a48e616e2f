/**
 * The browser's part, served as /assets/live.js: follows the stream named on the body. A run's page is fetched anew on
 * each change, its main part replaced; a log grows by text, never by HTML. Lists are fetched anew now and then, but not
 * under somebody's pointer or fingers. What goes on is counted by the second, and a server that is away is told. What a terminal takes for colours is colours here, and other such sequences nothing.
 */
export const LIVE_SCRIPT = `
const path = document.body.dataset.live;
const log = document.getElementById("log");
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
let colour = "";
let weight = "";
let begun = "";
dress(document);
setInterval(() => dress(document), 1000);
if (log) {
  const text = log.textContent;
  log.textContent = "";
  grow(text);
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const search = document.querySelector("[role=search] input");
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});
if (path) {
  const source = new EventSource(path);
  source.onopen = () => tellLost(false);
  source.onerror = () => tellLost(true);
  if (log) {
    const decoder = new TextDecoder();
    source.addEventListener("chunk", (event) => {
      const bytes = Uint8Array.from(atob(event.data), (char) => char.charCodeAt(0));
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      grow(decoder.decode(bytes, { stream: true }));
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    });
    source.addEventListener("end", () => { source.close(); refresh(false); });
    log.scrollTop = log.scrollHeight;
  } else {
    let busy = false;
    let again = false;
    source.addEventListener("run", async (event) => {
      if (busy) { again = true; return; }
      busy = true;
      do { again = false; await refresh(true); } while (again);
      busy = false;
      const run = JSON.parse(event.data);
      if (run.finishedAt !== "") { source.close(); await refresh(true); }
    });
  }
}
if (document.body.dataset.fresh) {
  setInterval(() => {
    if (!document.hidden && !document.querySelector("main :focus, main .scroll:hover")) refresh(true).catch(() => tellLost(true));
  }, 3000);
}

// What only the browser knows: its own clock and zone.
function dress(root) {
  for (const time of root.querySelectorAll("time:not([title])")) time.title = new Date(time.dateTime).toLocaleString();
  for (const took of root.querySelectorAll("[data-since]")) {
    const s = Math.max(0, Math.floor((Date.now() - Date.parse(took.dataset.since)) / 1000));
    took.textContent = (s < 60 ? "" : s < 3600 ? Math.floor(s / 60) + " m " : Math.floor(s / 3600) + " h ")
      + (s < 3600 ? s % 60 + " s" : Math.floor(s / 60) % 60 + " m") + " so far";
  }
}

function grow(text) {
  text = begun + text;
  // A sequence may be cut by the end of a piece.
  begun = /\\x1b(?:\\[[0-9;:?]{0,64}|\\][^\\x07\\x1b]{0,1024}\\x1b?)?$/.exec(text)?.[0] ?? "";
  text = text.slice(0, text.length - begun.length);
  let at = 0;
  for (const found of text.matchAll(/\\x1b(?:\\[([0-9;:?]*)[ -\\/]*([@-~])|\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)|[@-Z\\\\^_])/g)) {
    put(text.slice(at, found.index));
    at = found.index + found[0].length;
    if (found[2] === "m") paint(found[1].split(";").map(Number));
  }
  put(text.slice(at));
}

function paint(codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) colour = weight = "";
    else if (code === 1) weight = "bold";
    else if (code === 2) weight = "dim";
    else if (code === 22) weight = "";
    else if (code === 39) colour = "";
    else if (code === 38 || code === 48) i += codes[i + 1] === 2 ? 4 : 2;
    else if (code >= 30 && code <= 37) colour = COLOURS[code - 30];
    else if (code >= 90 && code <= 97) colour = COLOURS[code - 90];
  }
}

function put(text) {
  if (text === "") return;
  if (colour === "" && weight === "") return log.append(text);
  const span = document.createElement("span");
  span.className = (colour + " " + weight).trim();
  span.textContent = text;
  log.append(span);
}

function keyOf(element) {
  return element.getAttribute("href") ?? element.textContent;
}

function tellLost(isLost) {
  document.getElementById("lost").hidden = !isLost;
}

function isWriting() {
  const fields = [...document.querySelectorAll("form.task input, form.task textarea")];
  return document.querySelector("form.task :focus") !== null || fields.some((one) => one.value !== one.defaultValue);
}

async function refresh(whole) {
  // What somebody is writing is not taken away, also when it was begun while the page was on its way.
  if (isWriting()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  tellLost(answer.status >= 500);
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const selector = whole ? "main" : "main h1";
  const from = next.querySelector(selector);
  const to = document.querySelector(selector);
  if (!from || !to || isWriting()) return;
  dress(from);
  // Who goes by keyboard stays where they were, and so does what was scrolled.
  const focused = to.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const { scrollLeft = 0, scrollTop = 0 } = to.querySelector(".graph-frame") ?? {};
  to.replaceWith(from);
  from.querySelector(".graph-frame")?.scrollTo(scrollLeft, scrollTop);
  if (focused === null) return;
  [...from.querySelectorAll("td a, p a, li a, button")].find((one) => keyOf(one) === focused)?.focus({ preventScroll: true });
}
`;
