// Hides the cards, or the rows, that are not asked for. Without it all are there.
for (const form of document.querySelectorAll(".rf-filters")) {
  const page = form.closest("article") ?? document;
  const entries = [...page.querySelectorAll("[data-words]")];
  const groups = [...page.querySelectorAll("section")].filter(
    (section) => section.querySelector(":scope > .rf-cards"),
  );
  const shown = form.querySelector("output");
  const asked = [...form.querySelectorAll("select")];
  const words = form.querySelector("input");

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const entry of entries) {
      const fits =
        wanted.every((word) => entry.dataset.words.includes(word)) &&
        asked.every((by) => !by.value || entry.dataset[by.dataset.by] === by.value);
      entry.hidden = !fits;
      count += fits;
    }
    for (const group of groups) {
      group.toggleAttribute("data-empty", !group.querySelector("[data-words]:not([hidden])"));
    }
    shown.value = count === entries.length ? `${count}` : `${count} of ${entries.length}`;
  }

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
