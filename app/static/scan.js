// Reads a form's QR with the camera, where the browser has a detector of its own. Elsewhere the button stays hidden: a
// photograph of the page does the same, and the code can be typed.

"use strict";

(() => {
  const place = document.querySelector("[data-scan]");
  const dialog = document.querySelector("[data-camera]");
  if (!place || !dialog || !("BarcodeDetector" in window) || !navigator.mediaDevices) return;
  const video = dialog.querySelector("video");
  const trouble = dialog.querySelector("[role=status]");
  let detector;
  let stream;

  async function offer() {
    const kinds = await BarcodeDetector.getSupportedFormats();
    if (!kinds.includes("qr_code")) return;
    detector = new BarcodeDetector({ formats: ["qr_code"] });
    place.hidden = false;
  }

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = undefined;
  }

  async function look() {
    if (!stream) return;
    const codes = await detector.detect(video).catch(() => []);
    const ours = codes.find((code) => code.rawValue.startsWith("CPMS1:"));
    if (!ours) { setTimeout(look, 150); return; }
    const control = document.getElementById(place.dataset.scan);
    dialog.close();
    control.value = ours.rawValue;
    control.form.requestSubmit();
  }

  place.querySelector("button").addEventListener("click", async () => {
    dialog.showModal();
    trouble.hidden = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      await video.play();
      look();
    } catch { trouble.hidden = false; }
  });
  dialog.addEventListener("close", stop);
  dialog.querySelector("[data-stop]").addEventListener("click", () => dialog.close());
  offer();
})();
