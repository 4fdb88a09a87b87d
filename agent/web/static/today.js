// Keeps a page live: the agent says that something changed, the page fetches its parts anew and
// replaces those that differ, so that a screen reader hears only what is new. A page without parts
// only notices when the agent is gone or the session ends.
"use strict";

(() => {
  const PAUSE_MS = 500;        // changes that come close together are one
  const RETRY_MS = 3000;       // between two tries to listen again
  const TOUCH_MS = 60000;      // hands at the keyboard keep the session awake, once a minute

  const lost = document.getElementById("lost");
  const form = document.querySelector("form.who");
  const parts = document.getElementById("live").dataset.parts;
  let due = 0;
  let touched = Date.now();

  const leave = () => { location.assign("/login"); };

  // What somebody is at stays under their hands: a field they type into, a question they opened.
  const written = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const inHand = (part) => part.querySelector("form[data-working], .result:not(:empty), details[open]") !== null
    || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"))
    || [...part.querySelectorAll("input")].some(written);

  async function refresh() {
    due = 0;
    if (parts === "") { return; }
    const answer = await fetch(parts, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) { leave(); }
    if (!answer.ok) { return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (now !== null && !inHand(part) && now.outerHTML !== part.outerHTML) { renew(part, now); }
    }
  }

  // A live region speaks only if it stays where it is: it keeps its element and gets new content.
  function renew(part, now) {
    if (part.dataset.live === "") { part.replaceWith(now); return; }
    part.className = now.className;
    part.hidden = now.hidden;
    if (part.dataset.live === "spoken" && part.innerHTML !== now.innerHTML) {
      part.replaceChildren(...now.childNodes);
    }
  }

  const soon = () => {
    if (due === 0) { due = setTimeout(() => refresh().catch(() => { lost.hidden = false; }), PAUSE_MS); }
  };

  function listen() {
    const stream = new EventSource("/api/stream");
    stream.addEventListener("open", () => { lost.hidden = true; soon(); });
    stream.addEventListener("status", soon);
    stream.addEventListener("problem", soon);
    stream.addEventListener("locked", leave);
    stream.addEventListener("error", () => {
      lost.hidden = false;
      stream.close();
      setTimeout(() => { refresh().then(listen, listen); }, RETRY_MS);
    });
  }

  function touch() {
    if (Date.now() - touched < TOUCH_MS) { return; }
    touched = Date.now();
    fetch("/api/session").then((answer) => { if (answer.status === 401) { leave(); } }).catch(() => {});
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fetch("/logout", { method: "POST", headers: { "X-CSRF-Token": form.dataset.csrf } }).finally(leave);
  });
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    addEventListener(kind, touch, { passive: true });
  }
  listen();
})();
