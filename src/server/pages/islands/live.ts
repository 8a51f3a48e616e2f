/**
 * The browser's part, served as /assets/live.js: follows the stream named on the body. A run's page is fetched anew on
 * each change, its main part replaced; a log grows by text, never by HTML.
 */
export const LIVE_SCRIPT = `
const path = document.body.dataset.live;
if (path) {
  const log = document.getElementById("log");
  const source = new EventSource(path);
  if (log) {
    const decoder = new TextDecoder();
    source.addEventListener("chunk", (event) => {
      const bytes = Uint8Array.from(atob(event.data), (char) => char.charCodeAt(0));
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.append(decoder.decode(bytes, { stream: true }));
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

function isWriting() {
  const fields = [...document.querySelectorAll("form.task input, form.task textarea")];
  return document.querySelector("form.task :focus") !== null || fields.some((one) => one.value !== one.defaultValue);
}

async function refresh(whole) {
  // What somebody is writing is not taken away, also when it was begun while the page was on its way.
  if (isWriting()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const selector = whole ? "main" : "main h1";
  const from = next.querySelector(selector);
  const to = document.querySelector(selector);
  if (from && to && !isWriting()) to.replaceWith(from);
}
`;
