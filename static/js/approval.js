// Deciding by key: the first press of A says what the second one will do. A click is one press of a button that names its
// consequence, so only what a key stands for is asked about. An opened form takes the focus to where the work is.
const ARMED_MS = 4000;
let timer = 0;

function disarm(button) {
  clearTimeout(timer);
  button.removeAttribute("data-armed");
  const words = button.querySelector("[data-words]");
  if (words.dataset.plain) words.textContent = words.dataset.plain;
}

function arm(button) {
  const words = button.querySelector("[data-words]");
  words.dataset.plain ||= words.textContent;
  words.textContent = `${button.dataset.twice}: ${words.dataset.plain.replace(/^Approve:? /, "")}`;
  button.dataset.armed = "";
  button.focus();
  timer = setTimeout(() => disarm(button), ARMED_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-twice]");
  if (!button || event.isTrusted) return;
  if ("armed" in button.dataset) {
    clearTimeout(timer);
    return;
  }
  event.preventDefault();
  arm(button);
}, true);

document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (!details.open || !details.matches(".decision-resolve")) return;
  details.querySelector("form :is(input:not([type=hidden]), textarea, select)")?.focus();
}, true);
