// A trace as JSON on the clipboard: what the file would hold. The text comes over the network, so the clipboard is given a
// promise while the click still counts as one.
import { announce } from "./toast.js";

async function text(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.statusText);
  return JSON.stringify(await answer.json(), null, 2);
}

async function copy(address) {
  try {
    if (typeof ClipboardItem === "function" && navigator.clipboard.write) {
      const blob = text(address).then((json) => new Blob([json], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await text(address));
    }
    announce("Copied", "good");
  } catch {
    announce("It could not be copied. The file holds the same.", "bad");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies-from]");
  if (button) copy(button.dataset.copiesFrom);
});
