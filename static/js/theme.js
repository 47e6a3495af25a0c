// The theme is a cookie, so that the server writes it on <html> and no page flashes in the wrong one.
const YEAR = 31_536_000;

function current() {
  return document.documentElement.dataset.theme || "system";
}

function show() {
  for (const choice of document.querySelectorAll("[data-theme-choice]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.themeChoice === current()));
  }
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]")?.dataset.themeChoice;
  if (!choice) return;
  const value = choice === "system" ? "" : choice;
  document.documentElement.dataset.theme = value;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${value}; Path=/; Max-Age=${value ? YEAR : 0}; SameSite=Lax${secure}`;
  show();
});

show();
