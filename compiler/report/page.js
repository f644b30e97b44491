"use strict";
// The page is a whole document without this: everything is shown then, and nothing can be filtered.
(() => {
  const form = document.getElementById("filters");
  const search = document.getElementById("search");
  const selects = [0, 1, 2, 3].map((i) => document.getElementById("filter-" + i));
  const told = document.getElementById("told");
  const filtered = document.getElementById("filtered");
  const unfold = document.getElementById("unfold");
  const sections = [...document.querySelectorAll("main > section")].map((element) => ({
    element,
    count: element.querySelector("h2 small"),
    entries: [...element.querySelectorAll("tbody[data-0]")].map((body) => ({
      body,
      text: body.textContent.toLowerCase(),
      words: [0, 1, 2, 3].map((i) => (body.getAttribute("data-" + i) || "").split("\n").filter(Boolean)),
    })),
  })).filter((s) => s.count);

  document.documentElement.classList.add("js");
  form.hidden = false;

  // A category stands for all below it, and whoever has all above it has it too.
  const covers = (wide, narrow) => narrow === wide || narrow.startsWith(wide + ".");
  const matches = (entry, wanted, terms) =>
    wanted.every((w, i) => !w || entry.words[i].some((x) => x === w || (i === 0 && (covers(w, x) || covers(x, w))))) &&
    terms.every((t) => entry.text.includes(t));

  const apply = () => {
    const wanted = selects.map((s) => s.value);
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = terms.length > 0 || wanted.some(Boolean);
    let all = 0;
    let left = 0;
    for (const s of sections) {
      let shown = 0;
      for (const e of s.entries) {
        const is = matches(e, wanted, terms);
        e.body.hidden = !is;
        shown += is;
      }
      s.count.textContent = active ? shown + " of " + s.entries.length : String(s.entries.length);
      s.element.hidden = active && shown === 0;
      all += s.entries.length;
      left += shown;
    }
    told.textContent = active ? left + " of " + all + " entries" : "";
    filtered.hidden = !active;
    filtered.textContent = "An extract: " + left + " of " + all + " entries, for " +
      [search.value.trim(), ...wanted].filter(Boolean).join(", ") + ".";
  };

  const toggle = (body, open) => {
    body.classList.toggle("open", open);
    const button = body.querySelector(".fold");
    button.textContent = open ? "\u25be" : "\u25b8";
    button.setAttribute("aria-expanded", String(open));
  };
  const foldable = [];
  for (const s of sections) {
    for (const { body } of s.entries) {
      if (!body.querySelector(".detail")) continue;
      body.classList.add("has-detail");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "fold";
      button.setAttribute("aria-label", "Details");
      body.querySelector(".entry > td").prepend(button);
      toggle(body, false);
      body.querySelector(".entry").addEventListener("click", () => {
        if (!String(getSelection())) toggle(body, !body.classList.contains("open"));
      });
      foldable.push(body);
    }
  }

  let waiting;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  for (const s of selects) s.addEventListener("change", apply);
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  form.addEventListener("reset", () => setTimeout(apply));
  document.getElementById("print").addEventListener("click", () => print());
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === "Show all details";
    for (const body of foldable) toggle(body, open);
    unfold.textContent = open ? "Hide all details" : "Show all details";
  });
})();
