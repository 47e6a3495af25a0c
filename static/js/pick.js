// A long list to choose from: search narrows it, a whole group is checked at once, and what is checked is counted.
for (const form of document.querySelectorAll("[data-pick]")) {
  const rows = [...form.querySelectorAll("[data-pick-row]")];
  const count = form.querySelector("[data-pick-count]");
  const boxOf = (row) => row.querySelector("input[type=checkbox]");

  function tell() {
    const chosen = rows.filter((row) => boxOf(row).checked).length;
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${chosen} chosen${shown < rows.length ? `, ${shown} of ${rows.length} shown` : ""}`;
  }

  form.querySelector("[data-pick-search]").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    tell();
  });
  form.addEventListener("keydown", (event) => {
    // Enter in the search would send the form.
    if (event.key === "Enter" && event.target.matches("[data-pick-search]")) event.preventDefault();
  });
  form.addEventListener("change", tell);
  for (const link of form.querySelectorAll("[data-pick-all]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const wanted = link.dataset.pickAll;
      for (const row of rows) {
        if (!row.hidden && (wanted === "all" || row.dataset.effect === wanted)) boxOf(row).checked = true;
      }
      tell();
    });
  }
  tell();
}
