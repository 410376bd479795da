"use strict";
// Search and sort of the video cards. Without it the page shows all of them by name.
(() => {
  const form = document.querySelector(".tools");
  if (!form) return; // no videos
  const [search, sort, model, count] = ["search", "sort", "model", "count"].map((id) => document.getElementById(id));
  const list = document.getElementById("cards");
  const cards = [...list.children].map((node) => ({
    node,
    text: [...node.querySelectorAll("header, .verdicts td, dd")].map((part) => part.textContent).join("\n").toLowerCase(),
    outside: JSON.parse(node.dataset.outside),
    inside: JSON.parse(node.dataset.inside),
  }));

  // Worst first; a video without the number (nothing inside or outside) comes last.
  const badness = (card) => {
    const value = card[sort.value][model.value];
    if (value === null) return Infinity;
    return sort.value === "outside" ? -value : value;
  };

  const order = () => {
    const by = (a, b) => { const [x, y] = [badness(a), badness(b)]; return x < y ? -1 : x > y ? 1 : 0; };
    const sorted = sort.value === "name" ? cards : [...cards].sort(by);
    list.append(...sorted.map((card) => card.node));
    model.closest("label").hidden = sort.value === "name";
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      card.node.hidden = !words.every((word) => card.text.includes(word));
      shown += !card.node.hidden;
    }
    count.value = shown === cards.length ? `${shown} videos` : `${shown} of ${cards.length} videos`;
  };

  search.addEventListener("input", filter);
  sort.addEventListener("change", order);
  model.addEventListener("change", order);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { filter(); order(); }));
  filter();
  order();
})();
