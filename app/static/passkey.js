// Passkeys: a form asks its question, the browser's answer goes with it. Also what is printed. Beside page.js.

"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  function asked(options) {
    const ids = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    if (options.user) publicKey.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) publicKey.excludeCredentials = ids(options.excludeCredentials);
    if (options.allowCredentials) publicKey.allowCredentials = ids(options.allowCredentials);
    return { publicKey };
  }

  function answered(credential) {
    const told = credential.response;
    const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
    const response = Object.fromEntries(names.filter((name) => told[name]).map((name) => [name, text(told[name])]));
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
  }

  async function ask(form) {
    const key = document.querySelector("meta[name=csrf]").content;
    const answer = await fetch(form.dataset.question, { method: "POST", headers: { "X-CSRFToken": key }, redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const options = asked(await answer.json());
    const credential = await navigator.credentials[form.dataset.passkey](options);
    form.elements.answer.value = answered(credential);
    form.requestSubmit();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-passkey]") || form.elements.answer.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();  // it is sent once there is an answer
    if (form.dataset.asking) return;
    form.dataset.asking = "yes";
    const fault = form.querySelector("[role=alert]");
    if (fault) fault.hidden = true;
    ask(form).catch(() => { if (fault) fault.hidden = false; }).finally(() => { delete form.dataset.asking; });
  }, true);

  function show(root = document) {
    if (window.PublicKeyCredential) root.querySelectorAll("form[data-passkey]").forEach((form) => { form.hidden = false; });
    root.querySelectorAll("[data-print]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", () => window.print());
    });
  }

  show();
})();
