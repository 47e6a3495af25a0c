// Streams by server-sent events: what to show when one breaks, where to resume, and how a thread follows its end.
const NEAR_END = 80; // px from the end at which the reader counts as reading it

function sourceOf(element) {
  return element.closest?.("[sse-connect]");
}

document.addEventListener("htmx:sseOpen", (event) => {
  sourceOf(event.target)?.setAttribute("data-stream", "live");
});

document.addEventListener("htmx:sseError", (event) => {
  const element = sourceOf(event.target);
  if (!element) return;
  element.setAttribute("data-stream", "stale");
  // The browser's own retry sends Last-Event-ID. After a refusal the extension opens a new source from the attribute,
  // which would begin anew: so the last id goes into the address.
  if (event.detail.source?.readyState === EventSource.CLOSED && element.dataset.lastEventId) {
    const address = new URL(element.getAttribute("sse-connect"), location.href);
    address.searchParams.set("after", element.dataset.lastEventId);
    element.setAttribute("sse-connect", address.pathname + address.search);
  }
});

document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type === "message") sourceOf(event.target)?.setAttribute("data-stream", "ended");
});

function remember(event) {
  const element = sourceOf(event.target);
  const id = event.detail.lastEventId;
  if (element && id) element.dataset.lastEventId = id;
}

document.addEventListener("htmx:sseBeforeMessage", remember);
document.addEventListener("htmx:sseMessage", remember);

// A change that names no conversation may be of what is stopped: the banner asks again, once for all that listen.
let asksForStops = 0;
document.addEventListener("sse:changed", (event) => {
  if (event.detail.data !== "[]" || asksForStops) return;
  asksForStops = setTimeout(() => {
    asksForStops = 0;
    htmx.trigger(document.body, "stops");
  }, 300);
});

function isAtEnd(scroller) {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
}

function toEnd(scroller) {
  scroller.scrollTop = scroller.scrollHeight;
}

function followEnd(scroller) {
  if (scroller.dataset.following) return;
  scroller.dataset.following = "1";
  const jump = scroller.querySelector("[data-jump]");
  let atEnd = true;
  toEnd(scroller);
  scroller.addEventListener("scroll", () => {
    atEnd = isAtEnd(scroller);
    if (atEnd && jump) jump.hidden = true;
  }, { passive: true });
  jump?.addEventListener("click", () => toEnd(scroller));
  const grown = () => {
    if (atEnd) toEnd(scroller);
  };
  new MutationObserver((changes) => {
    if (!atEnd && jump && changes.some(hasNewMessage)) jump.hidden = false;
    grown();
  }).observe(scroller, { childList: true, subtree: true, characterData: true });
  new ResizeObserver(grown).observe(scroller);
}

function hasNewMessage(change) {
  return [...change.addedNodes].some((node) => node.nodeType === 1 && node.closest(".thread"));
}

function followAll() {
  document.querySelectorAll("[data-follow]").forEach(followEnd);
}

document.addEventListener("htmx:afterSettle", followAll);
followAll();
