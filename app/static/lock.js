// The locked screen: asks in place who is there, and nothing typed is lost. The server locks; this shows it. It opens to whom
// the page was made for alone. Beside page.js.

"use strict";

(() => {
  const { idle, person, lock: again, left: leftAt, present: presentAt } = document.body.dataset;
  const dialog = document.getElementById("lock");
  const part = document.getElementById("lock-part");
  const soon = document.getElementById("soon");
  const MINUTE = 60e3;
  const TICK = 5e3;
  let until = Date.now() + Number(idle) * 1000;  // when the screen locks, as far as we know
  let asked = 0;  // when we last asked
  let told = Date.now();  // when the server last heard that somebody is here
  let used = 0;  // when somebody last typed, moved or touched
  let locked = false;
  let before = null;  // where the focus was

  const token = () => document.querySelector("meta[name=csrf]").content;

  async function ask() {
    asked = Date.now();
    const answer = await fetch(leftAt, { redirect: "error" });
    return heard(answer);
  }

  async function heard(answer) {
    if (!answer.ok) throw new Error(answer.statusText);
    const { left, person: whose } = await answer.json();
    if (whose !== person) leave();
    until = Date.now() + left * 1000;
    return left;
  }

  async function tell() {
    told = Date.now();
    const answer = await fetch(presentAt, { method: "POST", headers: { "X-CSRFToken": token() }, redirect: "error" });
    if ((await heard(answer)) > 0) quiet();
    else await close();
  }

  // Somebody else has signed in here: what stands in this page is not theirs, and nobody is asked whether to keep it.
  function leave() {
    document.body.classList.add("locked");
    window.addEventListener("beforeunload", (event) => event.stopImmediatePropagation(), { capture: true });
    location.replace("/");
    throw new Error("somebody else");
  }

  function warn() {
    if (soon.hasChildNodes()) return;
    soon.append(document.getElementById("soon-words").content.cloneNode(true));
    soon.querySelector("button").addEventListener("click", () => tell().catch(() => {}));
  }

  function quiet() {
    soon.replaceChildren();
  }

  // --- locked ---

  async function fill(options = {}) {
    const answer = await fetch(again, { ...options, headers: { "X-In-Place": "yes" }, redirect: "error" });
    if (answer.status === 204) { await ask(); open(); return; }
    part.innerHTML = await answer.text();
    part.querySelectorAll("form").forEach((form) => { form.dataset.unlocks = "yes"; });
    if (window.PublicKeyCredential) part.querySelectorAll("form[data-passkey]").forEach((form) => { form.hidden = false; });
    (part.querySelector("[autofocus]") || part.querySelector("button:not([hidden])"))?.focus();
  }

  async function close() {
    if (locked) return;
    locked = true;
    quiet();
    before = document.activeElement;
    document.body.classList.add("locked");
    dialog.showModal();
    await fill();
  }

  function open() {
    locked = false;
    document.body.classList.remove("locked");
    dialog.close();
    part.replaceChildren();
    until = Date.now() + Number(idle) * 1000;
    told = Date.now();
    before?.focus();
  }

  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => { if (locked) dialog.showModal(); });
  dialog.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.unlocks || (form.matches("[data-passkey]") && !form.elements.answer.value)) return;
    event.preventDefault();
    fill({ method: "POST", body: new FormData(form) }).catch(() => {});
  });

  // --- the clock ---

  async function look() {
    if (locked) {
      if ((await ask()) > 0) open();  // unlocked in another window
      else if (!part.hasChildNodes()) await fill();
      return;
    }
    const now = Date.now();
    if (used > told && now - told > MINUTE / 2) await tell().catch(() => {});  // without an answer our own clock decides
    const near = until - now < 1.5 * MINUTE;
    if (!near) { quiet(); return; }
    if (now - asked > 3 * TICK || until <= now) await ask().catch(() => {});
    if (until <= Date.now()) await close();
    else if (until - Date.now() <= MINUTE) warn();
    else quiet();
  }

  function use() {
    used = Date.now();
    if (soon.hasChildNodes() && !locked) tell().catch(() => {});
  }

  for (const kind of ["keydown", "pointerdown", "pointermove", "input", "wheel", "touchstart"]) {
    document.addEventListener(kind, use, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") { asked = 0; until = Math.min(until, Date.now() + MINUTE); look().catch(() => {}); } });
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx?.response?.status === 401) close().catch(() => {});
  });
  setInterval(() => look().catch(() => {}), TICK);
})();
