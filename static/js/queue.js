// The pages that wait for people: a decision that somebody else was quicker with is shown where it was made, the selected
// row outlives a refetch of its list, and while the stream is down the page asks by itself.
const ASK_SECONDS = 10;

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status !== 409) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

// A decision and a question that the page asks by itself may cross. The decision's answer is the newer one: no other may
// take away the form that still waits for it, nor come after it.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const isAsked = detail.requestConfig.elt.matches("[data-asks]");
  if (isAsked && detail.target.querySelector("form.htmx-request")) detail.shouldSwap = false;
});
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  if (target.matches?.("[data-asks]")) target.addEventListener("htmx:beforeOnLoad", (event) => event.preventDefault());
});

let selected = "";
document.addEventListener("htmx:beforeSwap", () => {
  selected = document.querySelector("[data-row].is-selected")?.id ?? "";
});
document.addEventListener("htmx:afterSettle", () => {
  if (selected) document.getElementById(selected)?.classList.add("is-selected");
});

setInterval(() => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-asks]")) {
    if (element.closest("[sse-connect]")?.dataset.stream !== "live") htmx.trigger(element, "ask");
  }
}, ASK_SECONDS * 1000);
