// A filter's card: what it does across a corpus.
import { get } from "./api.js";
import { fill, make, problem } from "./elements.js";
import { exact, fixed, percent, signed } from "./numbers.js";
import { analysisForm } from "./start.js";

const at = (model, filter, analysis) =>
  `/v1/models/${model}/filters/${filter}${analysis ? `?analysis=${analysis}` : ""}`;

// Over the page; closing it leads back to where it was opened.
export function openCard(model, filter, analysis) {
  const leave = new AbortController();
  const body = make("div");
  const close = make("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const heading = make("h2", { id: "card-heading", tabindex: -1 });
  const dialog = make("dialog", { "aria-labelledby": "card-heading" },
    make("div", { class: "card-head" }, heading, close), body);
  dialog.addEventListener("close", () => {
    leave.abort();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("a[href^='#']")) dialog.close();
  });
  const show = (wanted) => {
    heading.textContent = `Filter ${wanted}`;
    dialog.scrollTop = 0;
    showCard(body, heading, { model, filter: wanted, analysis, signal: leave.signal, open: show });
  };
  document.body.append(dialog);
  dialog.showModal();
  show(filter);
}

// Into a place, with its name in a heading; where no corpus is analyzed, with a way to do so.
export function showCard(place, heading, { model, filter, analysis, signal, open, own = false }) {
  return fill(place, async () => {
    try {
      const card = await get(at(model, filter, analysis), { signal });
      heading.textContent = `Filter ${card.filter}: ${card.name}`;
      return cardOf(card, model, open, own);
    } catch (error) {
      if (!error.type?.endsWith("no-analysis")) throw error;
      const again = () => showCard(place, heading, { model, filter, analysis, signal, open, own });
      return [problem(error), make("p", {}, "A card tells what a filter does across a corpus. Analyze one:"),
        await analysisForm(signal, again, { model })];
    }
  }, "Reading the corpus…");
}

function cardOf(card, model, open, own) {
  const lowers = card.polarity === "negative";
  const figures = [
    ["Width", card.width, "words that it sees at once", String],
    ["Side", (card.towards ?? card.polarity) || "none", "what it usually pushes to", String],
    ["Purity", card.purity, "of the sentences where it pushes, it pushes that way", percent],
    ["Active", card.active, "sentences where it pushes", percent],
    ["Mean conductance", card.mean, "over all sentences", (value) => signed(value, 3)],
    ["Share", card.share, "of the conductance of all filters", (value) => percent(value, 2)],
    ["Drop when ablated", card.drop, "how far the score falls without it", (value) => signed(value, 3)],
    ["Predictions changed", card.flipped, "sentences called otherwise without it", percent],
  ];
  return [
    make("p", { class: "soft" }, `Across ${card.analysis.sentences.toLocaleString("en")} sentences of ${card.analysis.data}. `,
      own ? null : make("a", { href: `#filters/${card.filter}?model=${model}` }, "A page of its own")),
    make("dl", { class: "figures" }, figures.map(([name, value, meaning, shown]) => make("div", {},
      make("dt", {}, name), make("dd", {}, make("b", {}, exact(value, shown(value))), make("small", {}, meaning))))),
    make("h3", {}, "Words that it answers to, by their place in its window"), slots(card),
    make("h3", {}, "Sentences where it pushes most"), sentences(card, lowers),
    make("h3", {}, "Filters that go along with it"),
    card.similar.length
      ? make("p", { class: "row" }, card.similar.map(([filter, correlation]) => make("span", {},
        make("button", { type: "button", class: "link", onclick: () => open(filter) }, `filter ${filter}`),
        " (", exact(correlation, fixed(correlation)), ")")))
      : make("p", { class: "soft" }, "None."),
  ];
}

function slots({ slots: found }) {
  const words = (pairs) => pairs.flatMap(([word, value], place) => [place ? ", " : "", exact(value, word)]);
  return scroll("Words", make("table", {},
    make("thead", {}, make("tr", {}, make("th", { class: "number", scope: "col" }, "Place"),
      make("th", { scope: "col" }, "Raised by"), make("th", { scope: "col" }, "Lowered by"))),
    make("tbody", {}, found.map((slot, place) => make("tr", {}, make("td", { class: "number" }, String(place + 1)),
      make("td", { class: "words" }, words(slot.answers)), make("td", { class: "words" }, words(slot.switches_off)))))));
}

function sentences(card, lowers) {
  if (!card.sentences.length) return make("p", { class: "soft" }, "None: it never pushes that way.");
  const rows = card.sentences.map(({ tokens, window: [start, end], conductance }) => make("tr", {},
    make("td", { class: "number" }, exact(conductance, signed(lowers ? -Math.abs(conductance) : conductance, 3))),
    make("td", { class: "text" }, tokens.slice(0, start).join(" "), " ",
      make("mark", { class: lowers ? "lowers" : null }, tokens.slice(start, end).join(" ")), " ", tokens.slice(end).join(" "))));
  return scroll("Sentences", make("table", {},
    make("thead", {}, make("tr", {}, make("th", { class: "number", scope: "col" }, "Conductance"),
      make("th", { scope: "col" }, "Sentence; marked, what the filter saw"))),
    make("tbody", {}, rows)));
}

function scroll(label, table) {
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, table);
}
