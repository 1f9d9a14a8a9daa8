// Negation: the filters that handle a negator with what it negates, and what ablating them does.
import { everything, get, post } from "./api.js";
import { openCard } from "./card.js";
import { corpusField } from "./choices.js";
import { field, form, make, say, select, submit } from "./elements.js";
import { link } from "./explain.js";
import { viewOf } from "./found.js";
import { count, exact, fixed, percent, signed, when } from "./numbers.js";
import { sortable } from "./table.js";

export const title = "Negation";

export const open = viewOf({
  name: "negation", title, search: searchForm, results: found,
  intro: "Filters that take a negator, such as “not”, together with the words that it negates, found by phrases with and without their negator.",
  missing: "Negation filters are looked for in an analysis of a corpus; there is none yet.",
});

async function searchForm(analysis, analyses, started) {
  const pairs = await corpusField("Phrases from", { name: "pairs" });
  const choices = pairs.querySelector("select");
  choices.append(make("option", { value: "minimal-pairs" }, "minimal-pairs"));
  choices.prepend(make("option", { value: "", selected: true }, "what suits the model"));
  return form({}, [make("div", { class: "fields" }, pairs, submit("Find negation filters"))], async (data) => {
    started(await post(`/v1/analyses/${analysis}/negation`, { pairs: data.get("pairs") || null }));
  });
}

// The results of an analysis, and one of them.
async function found(analysis, wanted, go, signal) {
  const jobs = (await everything("/v1/jobs", { kind: "negation", state: "succeeded" })).filter((job) => job.analysis === analysis);
  if (!jobs.length) return make("p", { class: "soft" }, "No negation filters were looked for in this analysis yet.");
  const job = jobs.find(({ id }) => id === wanted) ?? jobs[0];
  const negation = await get(`/v1/negations/${job.id}`, { signal });
  const choice = select("set", jobs.map((one) => [one.id, when(one.finished).textContent]), job.id);
  choice.addEventListener("change", () => go(analysis, choice.value));
  say(negation.sides.map((side) => side.note || `${side.found.length} filters found.`).join(" "));
  return [jobs.length > 1 ? make("div", { class: "fields" }, field("Found before", choice)) : null,
    make("p", { class: "soft" }, `By phrases of ${negation.pairs}.`),
    ...negation.sides.flatMap((side) => sideOf(side, negation))].filter(Boolean);
}

function sideOf(side, { model }) {
  const card = (filter) => openCard(model, filter);
  const way = side.direction < 0 ? "down" : "up";
  return [
    make("h2", {}, `Negation of ${side.subject ?? `${side.negated} words`} should move the score ${way}`),
    side.note ? make("p", { class: "notice" }, side.note)
      : make("p", {}, "Found: ", side.found.flatMap((filter, place) => [place ? ", " : "", link(filter, card)]), "."),
    side.filters.length ? evidence(side, card) : null,
    make("h3", {}, "What ablating the found filters does"),
    side.causes.note ? make("p", { class: "notice" }, side.causes.note) : null,
    causes(side.causes),
    ...(side.retrieval?.sentences.length ? [make("h3", {}, "Where the found filters push most"),
      side.retrieval.note ? make("p", { class: "notice" }, side.retrieval.note) : null, sentences(side)] : []),
  ].filter(Boolean);
}

function evidence(side, card) {
  const names = [
    ["change", "Change", "Conductance with the negator less that without"],
    ["adjusted_p", "Adjusted p", "Of such a change by chance, for all filters together"],
    ["joint", "Joint", "Share of the conductance to which both the negator and the negated words give"],
    ["selective", "Selective", "1 if the filter answers to negation alone, 0.5 if as much to plain words of the same effect"],
  ].filter(([name]) => name in side.filters[0]);
  return sortable([
    { label: "Filter", number: true, value: (row) => row.filter, show: (row) => link(row.filter, card) },
    { label: "Width", number: true, value: (row) => row.width },
    { label: "Found", value: (row) => (side.found.includes(row.filter) ? "yes" : "") },
    { label: "Score", number: true, title: "Change × joint × selective; 0 for a filter that does not qualify", value: (row) => row.score, show: (row) => exact(row.score, fixed(row.score, 3)) },
    ...names.map(([name, label, meaning]) => ({
      label, number: true, title: meaning, value: (row) => row[name], show: (row) => exact(row[name], fixed(row[name], name === "adjusted_p" ? 4 : 3)),
    })),
  ], side.filters.slice(0, 50), { label: `Filters for ${side.negated}` }).element;
}

function causes(check) {
  const figures = [
    ["Held-out pairs", check.pairs, count, "that the filters were not found with"],
    ["Effect of the negator", check.effect, (value) => signed(value, 3), "how far it moves the score on average"],
    ["Share of it removed", check.removed, percent, "the effect that is gone without the found filters"],
    ["Random baseline", check.drawn_median, percent, "the same for as many other filters, median of the draws"],
    ["Predictions unchanged", check.unchanged, percent, "of the plain words, when the filters are ablated"],
  ].filter(([, value]) => value !== null);
  return make("dl", { class: "figures" }, figures.map(([name, value, shown, meaning]) => make("div", {},
    make("dt", {}, name), make("dd", {}, make("b", {}, exact(value, shown(value))), make("small", {}, meaning)))));
}

function sentences({ retrieval, direction }) {
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Sentences" }, make("table", {},
    make("thead", {}, make("tr", {}, ["Conductance", "Filter"].map((name) => make("th", { class: "number", scope: "col" }, name)),
      make("th", { scope: "col" }, "Sentence; marked, what the filter saw"))),
    make("tbody", {}, retrieval.sentences.slice(0, 20).map((one) => make("tr", {},
      make("td", { class: "number" }, exact(direction * one.conductance, signed(direction * one.conductance, 3))),
      make("td", { class: "number" }, String(one.filter)),
      make("td", { class: "text" }, one.tokens.slice(0, one.window[0]).join(" "), " ",
        make("mark", { class: direction < 0 ? "lowers" : null }, one.ngram), " ", one.tokens.slice(one.window[1]).join(" ")))))));
}
