// The editor of queries: Ctrl+Enter runs, Tab and Enter take a completion, an error is selected where it is.
const text = document.querySelector("#insight-text");
const list = document.querySelector("#insight-words");
const known = JSON.parse(document.querySelector("#insight-vocabulary").textContent);
const words = Object.values(known).flat();
const MOST = 12;
let chosen = 0;

function wordBefore() {
  const found = /[@\w.]+$/.exec(text.value.slice(0, text.selectionStart));
  return found ? found[0] : "";
}

function close() {
  list.hidden = true;
  list.replaceChildren();
  text.removeAttribute("aria-activedescendant");
}

function suggest() {
  const word = wordBefore().toLowerCase();
  const found = word.length < 2 ? [] : words.filter(([name]) => name.toLowerCase().startsWith(word) && name.toLowerCase() !== word);
  if (!found.length) return close();
  chosen = 0;
  list.replaceChildren(...found.slice(0, MOST).map(([name, about], place) => {
    const item = document.createElement("li");
    item.role = "option";
    item.id = `insight-word-${place}`;
    item.dataset.name = name;
    const code = document.createElement("code");
    code.textContent = name;
    const note = document.createElement("span");
    note.textContent = about;
    item.append(code, note);
    return item;
  }));
  list.hidden = false;
  list.style.insetBlockStart = `${text.offsetTop + text.offsetHeight}px`;
  mark();
}

function mark() {
  [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
  text.setAttribute("aria-activedescendant", `insight-word-${chosen}`);
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function take(name) {
  const start = text.selectionStart - wordBefore().length;
  text.setRangeText(name, start, text.selectionStart, "end");
  close();
  text.focus();
}

text.addEventListener("input", suggest);
text.addEventListener("blur", () => setTimeout(close, 150));
list.addEventListener("pointerdown", (event) => {
  const item = event.target.closest("li");
  if (!item) return;
  event.preventDefault();
  take(item.dataset.name);
});

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    close();
    text.form.requestSubmit();
    return;
  }
  if (list.hidden) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    chosen = (chosen + step + list.children.length) % list.children.length;
    mark();
  } else if (event.key === "Tab" || event.key === "Enter") {
    event.preventDefault();
    take(list.children[chosen].dataset.name);
  } else if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    close();
  }
});

// A time of one's own goes before the others; choosing one of those takes it away.
text.form.addEventListener("change", (event) => {
  if (event.target.name !== "range") return;
  for (const field of text.form.querySelectorAll("input[type=datetime-local]")) field.value = "";
});

document.addEventListener("htmx:afterSwap", (event) => {
  const error = event.target.querySelector?.("[data-error-start]");
  if (!error) return;
  const start = Number(error.dataset.errorStart);
  text.focus();
  text.setSelectionRange(start, Math.max(Number(error.dataset.errorEnd), start + 1));
});
