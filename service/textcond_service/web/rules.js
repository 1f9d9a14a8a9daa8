// Rules: extracted from an analysis, shown, narrowed, and taken along.
import { download, everything, get, post } from "./api.js";
import { corpusField, nameOf } from "./choices.js";
import { field, form, make, say, select, submit } from "./elements.js";
import { viewOf } from "./found.js";
import { count, exact, fixed, percent, signed, when } from "./numbers.js";
import { sortable } from "./table.js";

export const title = "Rules";
const SOURCES = [
  ["negation", "filters that handle negation"], ["exemplar", "filters that respond to a phrase"], ["all", "all filters"],
];

export const open = viewOf({
  name: "rules", title, search: extractForm, results: sets,
  intro: "Patterns of words that push the score one way wherever they stand.",
  missing: "Rules come from an analysis of a corpus; there is none yet.",
});

async function extractForm(analysis, analyses, started) {
  const text = make("input", { name: "text", maxlength: 4000, value: "this is not good" });
  const pattern = make("input", { name: "pattern", maxlength: 4000, value: "not good" });
  const exemplar = make("div", { class: "fields", hidden: true },
    field("Sentence", text, { wide: true }), field("Phrase in it", pattern, { wide: true }));
  const sources = make("fieldset", {}, make("legend", {}, "From the n-grams of"), SOURCES.map(([value, label]) =>
    make("label", { class: "option" }, make("input", { type: "radio", name: "filters", value, checked: value === "negation" }), label)));
  const pairs = await corpusField("Find negation filters by", { name: "pairs" });
  pairs.querySelector("select").append(make("option", { value: "minimal-pairs" }, "minimal-pairs"));
  const number = (name, value, step) => make("input", { type: "number", name, value, step, min: 0 });
  const others = analyses.filter(({ id }) => id !== analysis).map((one) => [one.id, nameOf(one)]);
  const more = make("details", {}, make("summary", {}, "More options"), make("div", { class: "fields" },
    field("Share", number("share", 0.2, 0.05), { hint: "of a sentence's conductance, at least" }),
    field("Support", number("support", 3, 1), { hint: "matches, at least" }),
    field("Fidelity", number("fidelity", 0.8, 0.05), { hint: "at least" }),
    pairs, field("Check on", select("held_out", [["", "no other analysis"], ...others], ""))));
  pairs.querySelector("select").prepend(make("option", { value: "", selected: true }, "what suits the model"));
  const narrow = () => {
    const chosen = sources.querySelector(":checked").value;
    exemplar.hidden = chosen !== "exemplar";
    pairs.hidden = chosen !== "negation";
  };
  sources.addEventListener("change", narrow);
  return form({}, [sources, exemplar, more, make("div", { class: "fields" }, submit("Extract rules"))], async (data) => {
    const asked = Object.fromEntries(data);
    const own = asked.filters === "exemplar" ? {} : { text: "", pattern: "" };
    const body = {
      ...asked, ...own, share: Number(asked.share), support: Number(asked.support),
      fidelity: Number(asked.fidelity), held_out: asked.held_out || null, pairs: asked.pairs || null,
    };
    started(await post(`/v1/analyses/${analysis}/rules`, body));
  });
}

function sourceOf({ request }) {
  if (request.filters === "exemplar") return `“${request.pattern}” in “${request.text}”`;
  if (Array.isArray(request.filters)) return `filters ${request.filters.join(", ")}`;
  return request.filters === "all" ? "all filters" : "negation filters";
}

// The sets of rules of an analysis, and one of them.
async function sets(analysis, wanted, go, signal) {
  const found = (await everything("/v1/jobs", { kind: "rules", state: "succeeded" })).filter((job) => job.analysis === analysis);
  if (!found.length) return make("p", { class: "soft" }, "No rules are extracted from this analysis yet.");
  const job = found.find(({ id }) => id === wanted) ?? found[0];
  const rules = await get(`/v1/rules/${job.id}`, { signal });
  const choices = found.map((one) => [one.id, `${sourceOf(one)}, ${when(one.finished).textContent}`]);
  const choice = select("set", choices, job.id);
  choice.addEventListener("change", () => go(analysis, choice.value));
  say(`${rules.rules.length} rules.`);
  return [make("h2", {}, `Rules from ${sourceOf(job)}`),
    found.length > 1 ? make("div", { class: "fields" }, field("Extracted before", choice, { wide: true })) : null,
    ...setOf(rules, job.id)].filter(Boolean);
}

function setOf({ rules, negators, poles = ["positive", "negative"], nearest = [], note = "", held_out: check }, id) {
  if (!rules.length) {
    return [make("p", { class: "notice" }, note || "No pattern of words has the support and the fidelity that were asked for. Lower them under “More options”."),
      ...(nearest.length ? [make("h3", {}, "The patterns that came nearest to a rule"), tableOf(nearest).element] : [])];
  }
  const files = [["JSON", "json", "json"], ["CSV", "csv", "csv"], ["spaCy", "spacy", "jsonl"]].map(([label, format, ending]) =>
    download(label, `/v1/rules/${id}?format=${format}`, `rules.${ending}`));
  const table = tableOf(rules);
  const sides = [...new Set(rules.map((rule) => rule.towards ?? (rule.sign > 0 ? poles[0] : poles[1])))].sort();
  const words = make("input", { type: "search", spellcheck: "false" }), side = select("", [["", "either side"], ...sides.map((name) => [name])], "");
  const shown = make("p", { role: "status", class: "soft" }, `${count(rules.length)} rules`);
  const narrow = () => {
    const wanted = words.value.trim().toLowerCase();
    const left = table.only((rule) => rule.name.toLowerCase().includes(wanted) && (!side.value || rule.towards === side.value));
    shown.textContent = `${count(left)} of ${count(rules.length)} rules`;
  };
  words.addEventListener("input", narrow);
  side.addEventListener("change", narrow);
  return [
    make("p", {}, negators.length ? `Negators found by their effect: ${negators.join(", ")}. ` : "No negator was found by its effect. ",
      "In a rule a|b is either word, _ any one word, _{0,2} none to two."),
    check ? checkOf(check) : null,
    make("div", { class: "row files" }, make("span", {}, "Download"), files),
    make("div", {}, make("div", { class: "fields" }, field("Only rules that contain", words), field("For", side), shown), table.element),
  ];
}

function tableOf(rules) {
  const share = (name) => (rule) => exact(rule[name], percent(rule[name], name === "coverage" ? 2 : 0));
  return sortable([
    { label: "Rule", value: (rule) => rule.name, show: (rule) => make("span", { class: rule.sign > 0 ? "up" : "down" }, rule.name.split("|").flatMap((part, place) => (place ? ["|", document.createElement("wbr"), part] : [part]))) },
    { label: "Weight", number: true, title: "Mean conductance of the matched words, all filters together", value: (rule) => rule.weight, show: (rule) => exact(rule.weight, signed(rule.weight)) },
    { label: "Support", number: true, title: "Matches in the corpus", value: (rule) => rule.support, show: (rule) => count(rule.support) },
    { label: "Fidelity", number: true, title: "Matches that push the rule's way", value: (rule) => rule.fidelity, show: share("fidelity") },
    { label: "Precision", number: true, title: "Labelled matches whose label is the rule's", value: (rule) => rule.precision, show: share("precision") },
    { label: "Coverage", number: true, title: "Share of the conductance of all strong n-grams", value: (rule) => rule.coverage, show: share("coverage") },
    { label: "Example", kind: "example", value: (rule) => rule.examples[0] ?? "" },
  ], rules, { label: "Rules" });
}

function checkOf(check) {
  const figures = Object.entries(check).filter(([, value]) => typeof value === "number");
  return make("dl", { class: "figures" }, figures.map(([name, value]) => make("div", {},
    make("dt", {}, `On the other analysis: ${name.replaceAll("_", " ")}`),
    make("dd", {}, make("b", {}, exact(value, Number.isInteger(value) ? count(value) : fixed(value)))))));
}
