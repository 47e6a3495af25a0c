// What goes on now: seconds that count up, and the dialog that a link fills.
function wordsFor(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = (size, unit, small, word) => {
    const whole = Math.floor(seconds / size);
    const left = Math.floor((seconds % size) / small);
    return left ? `${whole} ${unit} ${left} ${word}` : `${whole} ${unit}`;
  };
  if (minutes < 60) return rest(60, "min", 1, "s");
  return seconds < 86_400 ? rest(3600, "h", 60, "min") : rest(86_400, "d", 3600, "h");
}

setInterval(() => {
  for (const element of document.querySelectorAll("[data-seconds]")) {
    const seconds = Number(element.dataset.seconds) + 1;
    element.dataset.seconds = seconds;
    element.textContent = wordsFor(seconds);
  }
}, 1000);

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target?.matches?.("dialog[data-shows]") && !detail.target.open) detail.target.showModal();
});
