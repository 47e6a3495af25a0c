// What every page needs from script: dialogs, menus, toasts, copying, and the modules. Pages read and post without it.
import { announce } from "./toast.js";
import "./theme.js";
import "./time.js";
import "./composer.js";
import "./stream.js";
import { openPalette } from "./palette.js";
import { capOf, fillKeySheet } from "./keys.js";

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  if (id === "palette") openPalette(dialog);
  if (id === "key-sheet") fillKeySheet(dialog);
  dialog.showModal();
}

function copyText(source) {
  if (source.dataset.copied !== "json") return source.textContent;
  try {
    return JSON.stringify(JSON.parse(source.textContent), null, 2);
  } catch {
    return source.textContent; // a tree too large to show whole is copied as shown
  }
}

async function copy(button) {
  const source = button.parentElement.querySelector("[data-copied]");
  try {
    await navigator.clipboard.writeText(copyText(source));
    announce("Copied", "good");
  } catch {
    getSelection().selectAllChildren(source);
    announce("Selected; press Ctrl C or ⌘C to copy", "info");
  }
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-opens], [data-closes], [data-dismisses], [data-copies]");
  // A click on the backdrop is a click on the dialog itself.
  if (!target) {
    if (event.target instanceof HTMLDialogElement) event.target.close();
    closeMenus(event.target);
    return;
  }
  if (target.dataset.opens) {
    event.preventDefault();
    closeMenus(null);
    openDialog(target.dataset.opens);
  } else if ("closes" in target.dataset && target.closest("dialog")?.open) {
    event.preventDefault();
    target.closest("dialog").close();
  } else if ("dismisses" in target.dataset) {
    target.closest(".toast").remove();
  } else if ("copies" in target.dataset) {
    copy(target);
  }
});

function closeMenus(inside) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(inside)) menu.open = false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopImmediatePropagation();
  }
});

// Every press is answered at once: the button that was pressed says so until the answer comes.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.defaultPrevented || event.target.method === "dialog") return;
  if (event.target.closest("[hx-post], [hx-get]")) return; // htmx marks its own
  setTimeout(() => button.setAttribute("aria-busy", "true"));
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll('button[aria-busy="true"]')) button.removeAttribute("aria-busy");
});

document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const words =
    status === 403 ? "You may not do that." :
    status === 404 ? "That is no longer there. Reload the page." :
    status === 409 ? "Someone was quicker. Reload the page to see what changed." :
    status === 413 ? "That is too large, and nothing was stored. Shorten it, or send it in parts." :
    `The server answered ${status}. What was done before is safe; reload and try again.`;
  announce(words, "bad");
});
document.addEventListener("htmx:sendError", () => announce("The server cannot be reached. Nothing was sent.", "bad"));

// What the server writes as ⌘ is named after this machine's key, in what is swapped in later too.
function namePlatformKeys() {
  for (const key of document.querySelectorAll("[data-platform-key]")) key.textContent = capOf(key.textContent);
}

// Where one is may lie below the fold of the rail.
document.querySelector(".rail-list > li > [aria-current]")?.scrollIntoView({ block: "nearest" });

// The open row of a list in a pane may lie below its fold.
document.querySelector(".pane-body [data-row][aria-current]")?.scrollIntoView({ block: "center" });

document.addEventListener("htmx:afterSettle", namePlatformKeys);
namePlatformKeys();
