// Explain: which words and filters made the model say it, of one sentence or of two.
import { post } from "./api.js";
import { openCard } from "./card.js";
import { quantityFields } from "./choices.js";
import { field, fill, form, make, say, select, submit } from "./elements.js";
import { heatmap, legend, sentence } from "./heatmap.js";
import { exact, fixed, percent, signed } from "./numbers.js";

export const title = "Explain";
const EXAMPLES = [["this is not good"], ["this is good", "this is not good"], ["this is not bad", "this is not good"]];
const HOW_MANY = ["5", "10", "20", "50"].map((number) => [number]);

export async function open(root, signal) {
  const quantity = await quantityFields();
  const text = make("textarea", { name: "text", rows: 2, maxlength: 4000, required: true });
  const other = make("textarea", { name: "other", rows: 2, maxlength: 4000 });
  const top = select("top", HOW_MANY, "10");
  const results = make("div");
  const asked = form({ class: "explain" }, [
    make("div", { class: "fields" }, field("Sentence", text, { wide: true }),
      field("Compare with", other, { hint: "optional", wide: true })),
    make("div", { class: "fields" }, quantity.fields, field("Filters shown", top), submit("Explain")),
  ], async () => go({ text: text.value, other: other.value }));
  for (const box of [text, other]) {
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      asked.requestSubmit();
    });
  }

  function go({ text: first, other: second = "" }) {
    const { model, target, output } = quantity;
    const query = { text: first, other: second, model: model.value, target: target.value, output: output.value, top: top.value };
    const hash = `#explain?${new URLSearchParams(Object.entries(query).filter(([, value]) => value))}`;
    if (location.hash === hash) show(query);
    else location.hash = hash;
  }

  function show(query) {
    return fill(results, async () => {
      const { text: first, other: second, model, target, output } = query;
      const most = Number(query.top);
      const ask = (one) => post(`/v1/models/${model}/explain`, { text: one, target, output, top: second ? 0 : most }, { signal });
      const answers = await Promise.all([first, second].filter(Boolean).map(ask));
      say(answers.map((answer) => `${answer.text}: ${answer.prediction}`).join("; "));
      return answers.length > 1 ? comparison(answers, most) : [legend(output), ...explanation(answers[0], answers[0].filters, scale(answers, answers[0].filters))];
    }, "Explaining…");
  }

  root.replaceChildren(
    make("h1", {}, title),
    make("p", { class: "soft" }, "Which filters, fed by which words, made the prediction."),
    asked, results);
  return async ({ query }) => {
    await quantity.choose(query);
    if (!query.get("text")) {
      results.replaceChildren(examples(go));
      return;
    }
    text.value = query.get("text");
    other.value = query.get("other") ?? "";
    top.value = HOW_MANY.flat().includes(query.get("top")) ? query.get("top") : "10";
    await show({
      text: text.value, other: other.value, top: top.value,
      model: quantity.model.value, target: quantity.target.value, output: quantity.output.value,
    });
  };
}

function examples(go) {
  return make("div", {}, make("p", { class: "soft" }, "Type a sentence and press Enter, or try one of these:"),
    make("p", { class: "row" }, EXAMPLES.map(([text, other]) => make("button", {
      type: "button", onclick: () => go({ text, other }),
    }, other ? `“${text}” against “${other}”` : `“${text}”`))));
}

// The values of the deepest colours: the same in both of two sentences.
function scale(answers, ...lists) {
  const largest = (values) => Math.max(0, ...values.map(Math.abs));
  return {
    words: largest(answers.flatMap((answer) => answer.token_attributions)),
    cells: largest(lists.flat().flatMap((row) => row.tokens)),
  };
}

function explanation(answer, filters, most, { table = true } = {}) {
  const card = (filter) => openCard(answer.model, filter);
  return [
    answer.warning ? make("p", { class: "notice" }, answer.warning) : "",
    sentence(answer, most.words),
    heads(answer),
    make("p", {}, "The words move the score from ", exact(answer.baseline_score, fixed(answer.baseline_score)),
      " (no words) to ", exact(answer.score, fixed(answer.score)), ". The sentence is called ", make("b", {}, answer.prediction), "."),
    make("div", { class: "beside" },
      make("div", {}, make("h2", {}, "Tokens by filters"),
        heatmap(answer, filters, { most: most.cells, open: card, label: `“${answer.text}”` })),
      table ? make("div", {}, make("h2", {}, "What the filters saw"), filterTable(answer, filters, card)) : ""),
  ];
}

function heads({ heads: found }) {
  return make("div", { class: "heads" }, Object.entries(found).flatMap(([name, { logit, probability }]) => {
    const fillOf = make("div");
    fillOf.style.width = `${100 * probability}%`;
    return [make("span", {}, name), make("div", { class: ["bar", ["positive", "negative"].includes(name) ? name : ""].join(" ") }, fillOf),
      make("span", { class: "number", title: `probability ${probability}, logit ${logit}` }, percent(probability))];
  }));
}

function filterTable(answer, filters, card) {
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `Filters of “${answer.text}”` }, make("table", {},
    make("thead", {}, make("tr", {}, ["Filter", "Width", "Conductance"].map((name) => make("th", { class: "number", scope: "col" }, name)),
      make("th", { scope: "col" }, "Words in its window"))),
    make("tbody", {}, filters.map((row) => make("tr", {},
      make("td", { class: "number" }, link(row.filter, card)),
      make("td", { class: "number" }, String(row.width)),
      make("td", { class: `number ${row.conductance > 0 ? "up" : "down"}` }, exact(row.conductance, signed(row.conductance, 3))),
      make("td", { class: "words" }, row.ngram))))));
}

export function link(filter, card) {
  return make("button", { type: "button", class: "link", "aria-label": `Card of filter ${filter}`, onclick: () => card(filter) }, String(filter));
}

// Two sentences side by side, by the filters whose conductance differs most.
function comparison(answers, top) {
  const [first, second] = answers.map((answer) => new Map(answer.filters.map((row) => [row.filter, row])));
  const differences = [...first.keys()].map((filter) => ({
    filter, one: first.get(filter), two: second.get(filter),
    difference: second.get(filter).conductance - first.get(filter).conductance,
  }));
  const shown = differences.sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference)).slice(0, top);
  const lists = [shown.map(({ one }) => one), shown.map(({ two }) => two)];
  const most = scale(answers, ...lists);
  const card = (filter) => openCard(answers[0].model, filter);
  return [
    legend(answers[0].output),
    make("div", { class: "sides two" }, answers.map((answer, place) =>
      make("section", { "aria-label": answer.text }, explanation(answer, lists[place], most, { table: false })))),
    make("h2", {}, "The filters that differ most"),
    make("p", {}, "From the first sentence to the second the score moves by ",
      exact(answers[1].score - answers[0].score, signed(answers[1].score - answers[0].score)), "; these filters move it most."),
    make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Differences" }, make("table", {},
      make("thead", {}, make("tr", {}, ["Filter", "First", "Second", "Difference"].map((name) => make("th", { class: "number", scope: "col" }, name)),
        ["It saw first", "It saw second"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, shown.map(({ filter, one, two, difference }) => make("tr", {},
        make("td", { class: "number" }, link(filter, card)),
        [one.conductance, two.conductance, difference].map((value) =>
          make("td", { class: "number" }, exact(value, signed(value, 3)))),
        make("td", { class: "words" }, one.ngram), make("td", { class: "words" }, two.ngram)))))),
  ];
}
