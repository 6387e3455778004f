// What pages do beyond HTML. Every page works without it. No framework; htmx is beside.

"use strict";

(() => {
  const body = document.body;
  const script = document.currentScript;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- focus: the summary of errors first; its links reach the control itself ---

  function focusErrors() {
    const summary = document.querySelector("[data-focus]");
    if (summary) summary.focus();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".summary a[href^='#']");
    if (!link) return;
    const place = document.getElementById(link.hash.slice(1));
    if (!place) return;
    const control = place.matches("input, select, textarea") ? place : place.querySelector("input, select, textarea");
    if (!control) return;
    event.preventDefault();
    (control.tomselect || control).focus();
    (control.closest(".field") || control).scrollIntoView({ block: "center" });
  });

  // --- typed text: asked before it is lost, kept while a login has ended ---
  // Kept only from a submit to the answer (over login and error pages), in this tab, for the same person; never passwords or files.
  // Gone after an hour, whether a page is loaded or not, and when somebody signs out in any tab.

  const STORE = "cpms.typed";
  const HOUR = 3600e3;
  const KEPT = "form.fields[method=post]";
  let dirty = false;

  const target = (form) => new URL(form.getAttribute("action") || "", location.href).pathname;

  const keepable = (control) =>
    control.name && !["password", "file", "hidden", "submit", "button"].includes(control.type);

  function stash(form) {
    const values = all("input, select, textarea", form).filter(keepable).flatMap((control) => {
      if (["radio", "checkbox"].includes(control.type)) return control.checked ? [[control.name, control.value]] : [];
      if (control.multiple) return [...control.selectedOptions].map((option) => [control.name, option.value]);
      return [[control.name, control.value]];
    });
    keep({ action: target(form), person: body.dataset.person, at: Date.now(), values });
  }

  function keep(kept) {
    try { sessionStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* a full or closed store: the error page shows the text */ }
  }

  function stashed() {
    try { return JSON.parse(sessionStorage.getItem(STORE)); } catch { return null; }
  }

  function forget() {
    try { sessionStorage.removeItem(STORE); } catch { /* nothing was kept */ }
  }

  function forgetOld() {
    const kept = stashed();
    if (kept && !(Math.abs(Date.now() - kept.at) < HOUR)) forget();
  }

  const leaving = new BroadcastChannel("cpms.leaving");
  leaving.addEventListener("message", forget);

  function leave() {
    forget();
    leaving.postMessage("");
  }

  function putBack(form, values) {
    for (const control of all("input, select, textarea", form).filter(keepable)) {
      const texts = values.filter(([name]) => name === control.name).map(([, value]) => value);
      if (["radio", "checkbox"].includes(control.type)) control.checked = texts.includes(control.value);
      else if (control.multiple) [...control.options].forEach((option) => { option.selected = texts.includes(option.value); });
      else if (texts.length) control.value = texts[0];
    }
  }

  function tellBack(form) {
    const notice = document.createElement("div");
    notice.className = "notice info";
    notice.setAttribute("role", "status");
    notice.textContent = body.dataset.back;
    form.before(notice);
  }

  function restore() {
    forgetOld();
    const kept = stashed();
    if (!kept) return;
    if (["login", "error"].includes(body.dataset.kind)) { keep({ ...kept, refused: true }); return; }
    forget();
    const form = all(KEPT).find((one) => target(one) === kept.action);
    if (!kept.refused || !form || kept.person !== body.dataset.person || document.querySelector(".summary")) return;
    form.closest("details")?.setAttribute("open", "");
    putBack(form, kept.values);
    tellBack(form);
    dirty = true;
  }

  document.addEventListener("input", (event) => {
    if (event.target.closest(KEPT)) dirty = true;
  });

  window.addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });

  // --- a form is sent once ---

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    if (form.matches("[data-leaving]")) leave();
    if (form.matches(KEPT) && body.dataset.person) stash(form);
    dirty = false;
    const button = event.submitter;
    if (button) button.setAttribute("aria-busy", "true");
    const stays = form.matches("[data-again]") || form.target === "_blank";
    setTimeout(() => release(form), stays ? 3000 : 30000);
    if (form.target === "_blank") refreshOnReturn();
  });

  // What opens in a tab of its own changes this page too: it is fresh when one comes back.
  function refreshOnReturn() {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && !dirty) location.reload();
    });
  }

  function release(form) {
    delete form.dataset.sent;
    all("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy"));
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) all("form").forEach(release);
  });

  // --- small conveniences ---

  function showPasswords() {
    for (const button of all("[data-reveal]")) {
      const control = document.getElementById(button.dataset.reveal);
      const hidden = button.textContent;
      button.hidden = false;
      button.addEventListener("click", () => {
        const show = control.type === "password";
        control.type = show ? "text" : "password";
        button.setAttribute("aria-pressed", String(show));
        button.textContent = show ? button.dataset.shown : hidden;
        control.focus();
      });
      control.form.addEventListener("submit", () => { control.type = "password"; });
    }
  }

  // A choice in a finder looks at once; its button stays for the typed search.
  document.addEventListener("change", (event) => {
    const finder = event.target.closest("form.finder");
    if (finder && event.target.type !== "search") finder.requestSubmit();
  });

  // Only one menu of the top bar is open; a click elsewhere or Escape closes it.
  document.addEventListener("click", (event) => {
    all("details.drop[open]").filter((menu) => !menu.contains(event.target)).forEach((menu) => { menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all("details.drop[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // --- rows picked in a list: all of this page at once ---

  function pickAll() {
    for (const button of all("[data-pick-all]")) {
      button.hidden = false;
      button.addEventListener("click", () => all(".pick input").forEach((box) => { box.checked = true; }));
    }
  }

  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function tellAges() {
    const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
    for (const time of all("time[data-ago]")) {
      const age = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const [unit, seconds] = UNITS.find(([, length]) => age >= length) || [];
      if (unit && age < 7 * 86400) time.textContent = words.format(-Math.floor(age / seconds), unit);
    }
  }

  // --- long selects are searched as one types ---

  function searchSelects() {
    const selects = all("select[data-search]:not(.tomselected)");
    if (!selects.length) return;
    const enhance = () => selects.forEach((select) => {
      const search = new TomSelect(select, {
        maxOptions: null,
        allowEmptyOption: false,
        refreshThrottle: 0,
        render: { no_results: () => `<div class="no-results">${select.dataset.nothing}</div>` },
        onItemAdd() { if (!select.multiple) this.blur(); },
      });
      select.setAttribute("aria-hidden", "true");
      search.control_input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
      const described = select.getAttribute("aria-describedby");
      if (described) search.control_input.setAttribute("aria-describedby", described);
      if (select.getAttribute("aria-invalid")) search.control.setAttribute("aria-invalid", "true");
    });
    if (window.TomSelect) { enhance(); return; }
    const code = document.createElement("script");
    code.src = script.dataset.tomSelect;
    code.addEventListener("load", enhance);
    document.head.append(code);
  }

  // --- htmx: the key against forged requests; parts that arrive get the same care ---

  document.addEventListener("htmx:config:request", (event) => {
    const request = event.detail.ctx.request;
    if (!["GET", "HEAD"].includes(request.method)) request.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf]").content;
  });
  document.addEventListener("htmx:after:swap", () => { tellAges(); searchSelects(); });

  restore();
  focusErrors();
  showPasswords();
  pickAll();
  searchSelects();
  tellAges();
  setInterval(tellAges, 60000);
  setInterval(forgetOld, 60000);
  document.addEventListener("visibilitychange", forgetOld);  // a machine that slept counted no minutes
})();
