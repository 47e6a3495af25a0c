// The composer: ⌘⏎ sends, the text area grows, a draft outlives a reload, and a message is sent once.
const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

function draftKey(form) {
  return `draft:${location.pathname}:${form.id}`;
}

function text(form) {
  return form.querySelector("textarea");
}

function grow(area) {
  if (GROWS_BY_ITSELF) return;
  area.style.height = "auto"; // the CSSOM is allowed where a style attribute is not
  area.style.height = `${area.scrollHeight + 2}px`;
}

function keep(form) {
  try {
    const { value } = text(form);
    if (value) sessionStorage.setItem(draftKey(form), value);
    else sessionStorage.removeItem(draftKey(form));
  } catch {
    // private browsing or a full store: the draft then lives as long as the page
  }
}

function restore(form) {
  const area = text(form);
  if (!area || form.dataset.restored) return;
  form.dataset.restored = "1";
  try {
    const draft = sessionStorage.getItem(draftKey(form));
    if (draft && !area.value) area.value = draft;
  } catch {
    // as above
  }
  grow(area);
}

function settle(form, sent) {
  delete form.dataset.sending;
  form.querySelector('button[type="submit"]')?.removeAttribute("aria-busy");
  if (!sent) return;
  const area = text(form);
  area.value = "";
  keep(form);
  grow(area);
  area.focus();
}

function restoreAll() {
  document.querySelectorAll("form[data-composer]").forEach(restore);
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-composer]");
  if (!form || event.target !== text(form)) return;
  keep(form);
  grow(event.target);
});

// Whoever chooses between reply and note goes on to write.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-composer]");
  if (form && event.target.type === "radio") text(form).focus();
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-composer]");
  if (!form || event.key !== "Enter" || event.isComposing || !(event.metaKey || event.ctrlKey)) return;
  event.preventDefault();
  if (text(form).value.trim()) form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-composer]");
  if (!form) return;
  if (form.dataset.sending || !text(form).value.trim()) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sending = "1";
  form.querySelector('button[type="submit"]')?.setAttribute("aria-busy", "true");
  if (!form.hasAttribute("hx-post")) sessionStorage.removeItem(draftKey(form)); // the page that answers shows it, sent or refused
}, true);

document.addEventListener("htmx:afterRequest", (event) => {
  // A form that the answer replaced is no longer the event's element; a refusal (422) is swapped, yet sent nothing.
  const form = event.detail.requestConfig?.elt ?? event.detail.elt;
  if (form.matches?.("form[data-composer]")) settle(form, event.detail.xhr?.status > 0 && event.detail.xhr.status < 400);
});
document.addEventListener("htmx:afterSettle", restoreAll);
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-composer][data-sending]")) settle(form, false);
});

restoreAll();
