// Filters: which respond to a phrase, all of them in a list, and one on a card.
import { get, post } from "./api.js";
import { openCard, showCard } from "./card.js";
import { sideOf } from "./division.js";
import { finishedAnalyses, nameOf, quantityFields } from "./choices.js";
import { field, fill, form, make, say, submit } from "./elements.js";
import { link } from "./explain.js";
import { exact, percent, signed } from "./numbers.js";
import { analysisForm } from "./start.js";
import { sortable } from "./table.js";

export const title = "Filters";

export async function open(root, signal) {
  const quantity = await quantityFields(() => list());
  const text = make("input", { name: "text", required: true, maxlength: 4000 });
  const pattern = make("input", { name: "pattern", required: true, maxlength: 4000 });
  const found = make("section", { "aria-label": "Filters that respond" });
  const all = make("section", { "aria-label": "All filters" });
  const card = make("section", { "aria-label": "Card" });
  const search = form({}, [
    make("div", { class: "fields" }, field("Sentence", text, { wide: true }), field("Phrase in it", pattern, { wide: true })),
    make("div", { class: "fields" }, quantity.fields, submit("Search")),
  ], async () => {
    const query = new URLSearchParams({ text: text.value, pattern: pattern.value, ...chosen() });
    if (location.hash === `#filters?${query}`) await look(query);
    else location.hash = `#filters?${query}`;
  });
  const chosen = () => ({ model: quantity.model.value, target: quantity.target.value, output: quantity.output.value });

  function look(query) {
    return fill(found, async () => {
      const body = { text: query.get("text"), pattern: query.get("pattern"), target: quantity.target.value, output: quantity.output.value, top: 0 };
      const answer = await post(`/v1/models/${quantity.model.value}/filters/query`, body, { signal });
      say(`${answer.filters.length} filters respond.`);
      return matches(answer);
    }, "Searching…");
  }

  let listed = "";
  function list() {
    const model = quantity.model.value;
    if (model === listed) return;
    listed = model;
    fill(all, () => everyFilter(model, signal, () => {
      listed = "";
      list();
    }));
  }

  root.replaceChildren(make("h1", {}, title),
    make("p", { class: "soft" }, "Which filters respond to a phrase, and what each of them does."),
    card, search, found, all);
  return async ({ part, query }) => {
    await quantity.choose(query);
    list();
    card.replaceChildren();
    if (/^\d+$/.test(part)) {
      const heading = make("h2", {}, `Filter ${part}`), body = make("div");
      card.replaceChildren(heading, body);
      const model = quantity.model.value;
      const another = (filter) => { location.hash = `#filters/${filter}?model=${model}`; };
      showCard(body, heading, { model, filter: Number(part), signal, open: another, own: true });
      return;
    }
    if (!query.get("text")) {
      found.replaceChildren(example(text, pattern, search));
      return;
    }
    text.value = query.get("text");
    pattern.value = query.get("pattern") ?? "";
    await look(query);
  };
}

function example(text, pattern, search) {
  const run = () => {
    [text.value, pattern.value] = ["this is not good", "not good"];
    search.requestSubmit();
  };
  return make("p", { class: "row soft" }, "For instance: ",
    make("button", { type: "button", onclick: run }, "“not good” in “this is not good”"));
}

function matches(answer) {
  const card = (filter) => openCard(answer.model, filter);
  const phrase = answer.pattern.join(" ");
  if (!answer.filters.length) {
    return make("p", { class: "notice" }, `No filter responds to “${phrase}” there: other words of the sentence win in every filter.`);
  }
  const signs = answer.filters.map((row) => Math.sign(row.pattern_conductance));
  const { element } = sortable([
    { label: "Filter", number: true, value: (row) => row.filter, show: (row) => link(row.filter, card) },
    { label: "Width", number: true, value: (row) => row.width },
    { label: "From the phrase", number: true, title: "Conductance that comes from the words of the phrase", value: (row) => row.pattern_conductance, show: (row) => coloured(row.pattern_conductance) },
    { label: "In all", number: true, title: "Conductance from all words", value: (row) => row.conductance, show: (row) => coloured(row.conductance) },
    { label: "Share", number: true, title: "Of the filter's conductance, what the phrase gives; negative where it lowers the score", value: (row) => row.share, show: (row) => exact(row.share, percent(row.share, 0).replace("-", "\u2212")) },
    { label: "Words in its window", value: (row) => row.ngram },
  ], answer.filters, { label: "Filters that respond" });
  return [
    make("h2", {}, `Filters that respond to “${phrase}”`),
    make("p", {}, `${answer.filters.length} filters respond: for ${signs.filter((sign) => sign > 0).length} of them the phrase raises the score, for ${signs.filter((sign) => sign < 0).length} it lowers it. The strongest first.`),
    element,
  ];
}

function coloured(value) {
  return make("span", { class: value > 0 ? "up" : value < 0 ? "down" : null }, exact(value, signed(value, 3)));
}

// All filters of a model, as its newest analysis has them.
async function everyFilter(model, signal, again) {
  const heading = make("h2", {}, `All filters of ${model}`);
  // A division takes two sentences.
  const analysis = (await finishedAnalyses(model)).find(({ summary }) => summary?.sentences > 1);
  if (!analysis) {
    return [heading, make("p", {}, `No corpus is analyzed with ${model} yet. An analysis tells what each filter usually does.`),
      await analysisForm(signal, again, { model })];
  }
  const { roles } = await get(`/v1/analyses/${analysis.id}/division`, { signal });
  const card = (filter) => openCard(model, filter, analysis.id);
  const { poles } = analysis.summary, side = (row) => sideOf(row, poles);
  const table = sortable([
    { label: "Filter", number: true, value: (row) => row.filter, show: (row) => link(row.filter, card) },
    { label: "Width", number: true, value: (row) => row.width },
    { label: "Side", title: "What it usually pushes to", value: side, show: (row) => make("span", { class: { positive: "up", negative: "down" }[row.polarity] }, side(row)) },
    { label: "Purity", number: true, title: "Of the sentences where it pushes, it pushes its usual way", value: (row) => row.purity, show: (row) => exact(row.purity, percent(row.purity)) },
    { label: "Active", number: true, title: "Sentences where it pushes", value: (row) => row.active, show: (row) => exact(row.active, percent(row.active)) },
    { label: "Mean", number: true, title: "Mean conductance", value: (row) => row.mean, show: (row) => coloured(row.mean) },
    { label: "Group", number: true, title: "Filters with like signs", value: (row) => row.cluster },
  ], roles, { label: "All filters" });
  const count = make("span", { role: "status", class: "soft" }, `${roles.length} filters`);
  const kind = make("select", { onchange: () => narrow() }, ["all", ...poles, "none"].map((name) => make("option", {}, name)));
  const narrow = () => {
    const shown = table.only((row) => kind.selectedIndex === 0 || side(row) === kind.value);
    count.textContent = `${shown} of ${roles.length} filters`;
  };
  return [heading, make("p", { class: "soft" }, `As in ${nameOf(analysis)}.`),
    make("div", { class: "fields" }, field("Side", kind), count), table.element];
}
