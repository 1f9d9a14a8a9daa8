// The heat map of tokens by filters: a table, so that keys and screen readers have it too.
import { make } from "./elements.js";
import { tint } from "./colours.js";
import { fixed } from "./numbers.js";

const shortest = (value) => (Math.abs(value) < 0.005 ? "" : fixed(value).replace("0.", "."));

// `filters` are rows of an explanation; `most` is the value of the deepest colour; `open` shows a card.
export function heatmap(explanation, filters, { most, open, label }) {
  const told = make("p", { class: "soft small", "aria-hidden": "true" }, "\u00a0");
  const heads = filters.map(({ filter }) => make("th", { scope: "col" },
    make("button", { type: "button", "aria-label": `Card of filter ${filter}`, onclick: () => open(filter) }, String(filter))));
  const rows = explanation.tokens.map((token, place) => make("tr", {},
    make("th", { scope: "row" }, token),
    filters.map((row) => cell(row.tokens[place], most, `${token}, filter ${row.filter}`))));
  const sums = make("tr", {}, make("th", { scope: "row" }, "sum"),
    filters.map((row) => cell(row.conductance, null, `All tokens, filter ${row.filter}`)));
  const table = make("table", { class: "heat" },
    make("caption", { class: "unseen" }, `Conductance of ${label}, tokens by filters`),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "filter"), heads)),
    make("tbody", {}, rows), make("tfoot", {}, sums));
  const tell = (event) => {
    const title = event.target.closest("td")?.title;
    if (title) told.textContent = title;
  };
  table.addEventListener("pointerover", tell);
  table.addEventListener("click", tell);
  return make("div", {},
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `Heat map of ${label}` }, table), told);
}

function cell(value, most, where) {
  const made = make("td", { title: `${where}: ${value}` }, make("span", {}, shortest(value) || " "));
  tint(made, value, most ?? 0);
  return made;
}

// A text with a background for what each of its words gives.
export function sentence({ tokens, token_attributions, unknown }, most) {
  const words = tokens.flatMap((token, place) => {
    const title = `${token}: ${token_attributions[place]}${unknown[place] ? " (a word that the model does not know)" : ""}`;
    const word = make("span", { title, class: unknown[place] ? "unknown" : null }, token);
    tint(word, token_attributions[place], most);
    return [word, " "];
  });
  return make("p", { class: "sentence" }, words);
}

export function legend(unit) {
  return make("p", { class: "legend small soft" },
    make("span", {}, make("span", { class: "key raises" }), "raises the score"),
    make("span", {}, make("span", { class: "key lowers" }), "lowers it"),
    make("span", {}, `in units of the ${unit}`));
}

