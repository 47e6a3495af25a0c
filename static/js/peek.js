// A list with a panel beside it: a click on a row shows it there, and so does walking with J and K. Where there is no room
// for the panel, and for a click with a key held down, the row is what it is without script: a link.
const PEEK = "#peek";

function panel() {
  return document.querySelector(PEEK);
}

function opens(event) {
  return event.target.closest?.(`a[hx-target="${PEEK}"]`);
}

function hasRoom() {
  return getComputedStyle(panel()).getPropertyValue("--has-room").trim() === "1";
}

document.addEventListener("click", (event) => {
  const link = opens(event);
  if (!link) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || !hasRoom()) event.stopImmediatePropagation();
  else select(link);
}, true);

// A click gives the focus, too, but no ring.
document.addEventListener("focusin", (event) => {
  const link = opens(event);
  if (link?.matches(":focus-visible") && hasRoom()) htmx.trigger(link, "peek");
});

function select(link) {
  const chosen = link.closest("[data-row]");
  for (const row of document.querySelectorAll("[data-row]")) row.classList.toggle("is-selected", row === chosen);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-closes-peek]");
  if (!link) return;
  event.preventDefault();
  panel().replaceChildren();
  const address = new URL(location);
  address.searchParams.delete("peek");
  history.replaceState(null, "", address);
});
