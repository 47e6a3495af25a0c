// One keyboard map. Keys are declared where they act: data-key on a control, data-chord on a command, data-list and data-row
// on what J and K walk through. Off inside inputs, and while a dialog is open.
import { openPalette } from "./palette.js";

const CHORD_MS = 1200;
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);
const FIXED = [
  ["⌘K /", "Search and commands"], ["?", "This sheet"], ["j k", "Next and previous"], ["Enter", "Open"],
  ["Esc", "Back, or close"], ["⌘⏎", "Send"],
];
let chord = "";
let chordTimer = 0;

function isTyping(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

function isShown(element) {
  return element.checkVisibility?.() ?? element.offsetParent !== null;
}

function rows() {
  const list = [...document.querySelectorAll("[data-list]")].find(isShown);
  return list ? [...list.querySelectorAll("[data-row]")].filter(isShown) : [];
}

function isSelected(row) {
  return row.classList.contains("is-selected");
}

function move(step) {
  const all = rows();
  if (!all.length) return false;
  let at = all.findIndex(isSelected);
  if (at < 0) at = all.findIndex((row) => row.hasAttribute("aria-current"));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  all.forEach((row) => row.classList.toggle("is-selected", row === next));
  linkOf(next)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function linkOf(row) {
  return row.matches("a") ? row : row.querySelector(".row-link, a");
}

function openRow() {
  const row = rows().find(isSelected);
  if (!row) return false;
  linkOf(row)?.click();
  return true;
}

function act(element) {
  if (isTyping(element)) element.focus();
  else element.click();
}

export function pageKeys() {
  return [...document.querySelectorAll("[data-key]")].filter((element) => isShown(element) && !element.disabled);
}

function follow(key) {
  const commands = [...document.querySelectorAll("[data-chord]")].filter((command) => command.dataset.chord);
  const wanted = chord ? `${chord} ${key}` : key;
  const exact = commands.find((command) => command.dataset.chord === wanted);
  if (exact) {
    chord = "";
    exact.click();
    return true;
  }
  const begins = commands.some((command) => command.dataset.chord.startsWith(`${wanted} `));
  chord = begins ? wanted : "";
  clearTimeout(chordTimer);
  if (begins) chordTimer = setTimeout(() => (chord = ""), CHORD_MS);
  return begins;
}

function press(event) {
  const { key } = event;
  if (key === "Escape") {
    const back = [...document.querySelectorAll("a[data-back]")].find(isShown);
    back?.click();
    return Boolean(back);
  }
  if (follow(key)) return true;
  if (key === "/") return open("palette");
  if (key === "?") return open("key-sheet");
  const control = pageKeys().find((element) => element.dataset.key === key);
  if (control) {
    act(control);
    return true;
  }
  if (key === "j") return move(1);
  if (key === "k") return move(-1);
  if (key === "o" || (key === "Enter" && document.activeElement === document.body)) return openRow();
  return false;
}

function open(id) {
  const dialog = document.getElementById(id);
  if (!dialog) return false;
  if (id === "palette") openPalette(dialog);
  else fillKeySheet(dialog);
  dialog.showModal();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const dialogOpen = document.querySelector("dialog[open]");
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k" && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    if (dialogOpen?.id === "palette") dialogOpen.close();
    else if (!dialogOpen) open("palette");
    return;
  }
  // An arrow moves what scrolls and has the focus.
  if (event.key.startsWith("Arrow") && event.target.matches('[tabindex="0"]')) return;
  if (dialogOpen || event.metaKey || event.ctrlKey || event.altKey) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (press(event)) event.preventDefault();
});

export function fillKeySheet(dialog) {
  const sheet = dialog.querySelector(".key-sheet");
  const declared = pageKeys().map((element) => [element.dataset.key, element.dataset.keyLabel]);
  const chords = [...document.querySelectorAll("[data-chord]")].filter((command) => command.dataset.chord)
    .map((command) => [command.dataset.chord, command.dataset.keyLabel]);
  sheet.replaceChildren(...[...declared, ...FIXED, ...chords].map(([keys, label]) => line(keys, label)));
}

// What stands on the key: ⌘ is Ctrl where there is no ⌘, a capital letter needs Shift.
export function capOf(key) {
  if (key === "ArrowRight") return "→";
  if (key.startsWith("⌘")) return IS_APPLE ? key : `Ctrl ${key.slice(1)}`;
  if (key.length > 1) return key;
  return key === key.toLowerCase() ? key.toUpperCase() : `⇧${key}`;
}

function line(keys, label) {
  const row = document.createElement("div");
  const words = document.createElement("span");
  words.textContent = label || keys;
  const caps = document.createElement("span");
  caps.className = "keys";
  for (const key of keys.split(" ")) {
    const cap = document.createElement("kbd");
    cap.textContent = capOf(key);
    caps.append(cap);
  }
  row.append(words, caps);
  return row;
}
