// Lists to choose from: models, what of their output is explained, corpora, analyses.
import { everything, get } from "./api.js";
import { field, make, select } from "./elements.js";
import { count } from "./numbers.js";

const isPolar = (outputs) => outputs.length === 2 && outputs[0] === "positive" && outputs[1] === "negative";
const CALLED = "margin", ALONE = "", REST = "rest";

// What can be explained, and against what; of a sentiment model each choice says both.
function targets(outputs, ofCorpus) {
  if (isPolar(outputs)) return [[CALLED, "positive against negative"], ...outputs.map((name) => [name, `${name} alone`])];
  const classes = outputs.map((name) => [name]);
  // Of a whole corpus one score is needed, the same for each text.
  return ofCorpus ? classes : [[CALLED, "the class that it calls"], ...classes];
}

const opponents = (outputs, one) => [[REST, "all other classes"], [ALONE, "nothing: its own score"],
  ...outputs.filter((name) => name !== one).map((name) => [name])];

const OUTPUTS = [["logit", "logit"], ["probability", "probability"]];

// Fields for model, target and output; `choose` puts values into them.
export async function quantityFields(onchange = () => {}, { ofCorpus = false } = {}) {
  const models = (await everything("/v1/models")).filter((model) => !model.problem);
  if (!models.length) throw { detail: "There is no model yet. Train one under Models and jobs." };
  const model = select("model", models.map(({ name }) => [name]), (models.find(({ ships }) => ships) ?? models[0]).name);
  const side = select("side", [], CALLED), against = select("against", [], REST);
  const output = select("output", OUTPUTS, "logit");
  const details = new Map();
  const sideField = field("Explain", side, { long: true }), againstField = field("Against", against, { long: true });
  let outputs = [];
  const target = { get value() { return againstField.hidden || !against.value ? side.value : `${side.value}:${against.value}`; } };

  async function list(chosen) {
    const name = model.value;
    if (!details.has(name)) details.set(name, await get(`/v1/models/${name}`));
    ({ outputs } = details.get(name));
    const choices = targets(outputs, ofCorpus);
    // A name may hold colons itself.
    const known = choices.map(([value]) => value).filter((value) => chosen === value || chosen.startsWith(`${value}:`))
      .sort((one, other) => other.length - one.length)[0] ?? choices[0][0];
    side.replaceChildren(...select("", choices).children);
    side.value = known;
    oppose(chosen.startsWith(`${known}:`) ? chosen.slice(known.length + 1) : chosen === known ? ALONE : REST);
  }

  function oppose(chosen) {
    againstField.hidden = isPolar(outputs) || side.value === CALLED;
    const choices = opponents(outputs, side.value);
    against.replaceChildren(...select("", choices).children);
    against.value = choices.some(([value]) => value === chosen) ? chosen : REST;
  }

  async function choose(query) {
    if (models.some(({ name }) => name === query.get("model"))) model.value = query.get("model");
    output.value = query.get("output") === "probability" ? "probability" : "logit";
    await list(query.get("target") ?? "margin");
  }

  model.addEventListener("change", async () => {
    await list(target.value);
    onchange();
  });
  side.addEventListener("change", () => oppose(against.value));
  await list(CALLED);
  const fields = [field("Model", model), sideField, againstField, field("As", output)];
  return { fields, choose, model, target, output };
}

const relists = new WeakMap();

export async function corpusField(label = "Corpus", { labelled = false, name = "corpus" } = {}) {
  async function choices() {
    const corpora = (await everything("/v1/corpora")).filter((corpus) => !labelled || corpus.ships || corpus.labelled);
    return corpora.map((corpus) => [corpus.name, corpus.rows === null ? corpus.name : `${corpus.name} (${count(corpus.rows)} rows)`]);
  }
  const control = select(name, await choices(), "rotten-tomatoes");
  relists.set(control, async () => {
    const chosen = control.value;
    control.replaceChildren(...select("", await choices(), chosen).children);
  });
  return field(label, control);
}

// Corpora came or went: the lists in a form follow, and what is typed beside them stays.
export function relistCorpora(root) {
  return Promise.all([...root.querySelectorAll("select")].map((control) => relists.get(control)?.()));
}

export function nameOf(analysis) {
  const quantity = analysis.output === "logit" ? analysis.target : `${analysis.target} as ${analysis.output}`;
  const date = new Date(1000 * analysis.created).toLocaleString("en-GB", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  const { data, sentences } = analysis.summary;
  return `${analysis.model} on ${data}, ${quantity}: ${count(sentences)} sentences, ${date}`;
}

export async function finishedAnalyses(model) {
  const analyses = await everything("/v1/analyses");
  return analyses.filter((one) => one.state === "succeeded" && (!model || one.model === model));
}

export function analysisField(analyses, chosen, onchange) {
  const control = select("analysis", analyses.map((one) => [one.id, nameOf(one)]), chosen);
  control.addEventListener("change", () => onchange(control.value));
  return make("div", { class: "fields" }, field("Analysis", control, { wide: true }));
}
