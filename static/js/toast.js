// Notices that go away: a copy of the page's template in the live region, so that readers of screens hear it.
const SECONDS = { good: 5, info: 6, warn: 10 }; // a bad one stays until it is dismissed

export function announce(text, tone = "info") {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.classList.add(tone);
  toast.querySelector(".toast-text").textContent = text;
  region.append(toast);
  retire(toast);
}

function retire(toast) {
  const tone = ["good", "warn", "bad"].find((name) => toast.classList.contains(name)) ?? "info";
  if (!SECONDS[tone]) return;
  let timer = setTimeout(() => toast.remove(), SECONDS[tone] * 1000);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => {
    timer = setTimeout(() => toast.remove(), 2000);
  });
}

document.querySelectorAll("#toasts > .toast").forEach(retire);
