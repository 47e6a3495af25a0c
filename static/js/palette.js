// ⌘K: the commands that the server lists and the keys that this page declares, filtered as one types.
const ADDED = "data-palette-added";

export function openPalette(dialog) {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector('[role="listbox"]');
  list.querySelectorAll(`[${ADDED}]`).forEach((option) => option.remove());
  list.prepend(...pageActions(dialog));
  input.value = "";
  filter(dialog, "");
  if (dialog.dataset.ready) return;
  dialog.dataset.ready = "1";
  input.addEventListener("input", () => filter(dialog, input.value));
  input.addEventListener("keydown", (event) => steer(event, dialog));
  list.addEventListener("click", () => dialog.close());
}

function pageActions(dialog) {
  const controls = [...document.querySelectorAll("[data-key][data-key-label]")];
  return controls
    .filter((control) => !dialog.contains(control) && control.checkVisibility?.() !== false && !control.disabled)
    .map((control, index) => {
      const option = document.createElement("div");
      option.setAttribute("role", "option");
      option.setAttribute(ADDED, "");
      option.id = `palette-action-${index}`;
      const words = document.createElement("span");
      words.textContent = control.dataset.keyLabel;
      const keys = document.createElement("span");
      keys.className = "keys";
      const cap = document.createElement("kbd");
      cap.textContent = control.dataset.key.toUpperCase();
      keys.append(cap);
      const picture = (control.querySelector(".icon") ?? dialog.querySelector('[role="option"] .icon'))?.cloneNode(true);
      option.append(...[picture, words, keys].filter(Boolean));
      option.addEventListener("click", () => setTimeout(() => (/^(INPUT|TEXTAREA)$/.test(control.tagName) ? control.focus() : control.click())));
      return option;
    });
}

// Letters in order, not necessarily together; the beginning of a word counts most. Higher is better, -Infinity is no match.
export function score(words, query) {
  const text = words.toLowerCase();
  let total = 0, from = 0;
  for (const letter of query.toLowerCase().replaceAll(" ", "")) {
    const at = text.indexOf(letter, from);
    if (at < 0) return -Infinity;
    total += at === 0 || text[at - 1] === " " ? 4 : at === from ? 2 : 0;
    from = at + 1;
  }
  return total - text.length / 100;
}

function filter(dialog, query) {
  const list = dialog.querySelector('[role="listbox"]');
  const options = [...list.querySelectorAll('[role="option"]')];
  options.forEach((option, index) => (option.dataset.place ??= index));
  const ranked = options.map((option) => [score(option.querySelector("span:not(.keys)").textContent, query), option]);
  for (const [value, option] of ranked) option.hidden = value === -Infinity;
  ranked.sort((a, b) => (query ? b[0] - a[0] : a[1].dataset.place - b[1].dataset.place));
  list.append(...ranked.map(([, option]) => option));
  const first = ranked.find(([value]) => value !== -Infinity)?.[1];
  dialog.querySelector(".palette-none").hidden = Boolean(first);
  select(dialog, first);
}

function select(dialog, option) {
  for (const other of dialog.querySelectorAll('[role="option"]')) other.setAttribute("aria-selected", String(other === option));
  const input = dialog.querySelector("input");
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function steer(event, dialog) {
  const options = [...dialog.querySelectorAll('[role="option"]:not([hidden])')];
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && options.length) {
    event.preventDefault();
    select(dialog, options[(at + step + options.length) % options.length]);
  } else if (event.key === "Enter" && options[at]) {
    event.preventDefault();
    options[at].click();
  }
}
