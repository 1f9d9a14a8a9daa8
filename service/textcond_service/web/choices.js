// Lists to choose from: models, what of their output is explained, corpora, analyses.
import { everything, get } from "./api.js";
import { field, make, select } from "./elements.js";
import { count } from "./numbers.js";

function targets({ outputs }) {
  const polar = outputs.includes("positive") && outputs.includes("negative");
  const pairs = outputs.flatMap((one) => outputs.filter((other) => other !== one)
    .map((other) => [`${one}:${other}`, `${one} against ${other}`]));
  const heads = outputs.map((name) => [name, `${name} alone`]);
  return polar ? [["margin", "positive against negative"], ...heads] : [...heads, ...pairs];
}

const OUTPUTS = [["logit", "logit"], ["probability", "probability"]];

// Fields for model, target and output; `choose` puts values into them.
export async function quantityFields(onchange = () => {}) {
  const models = (await everything("/v1/models")).filter((model) => !model.problem);
  const model = select("model", models.map(({ name }) => [name]), "sst");
  const target = select("target", [], "margin");
  const output = select("output", OUTPUTS, "logit");
  const details = new Map();

  async function list(chosen) {
    const name = model.value;
    if (!details.has(name)) details.set(name, await get(`/v1/models/${name}`));
    const choices = targets(details.get(name));
    const known = choices.some(([value]) => value === chosen);
    target.replaceChildren(...select("", choices).children);
    target.value = known ? chosen : choices[0][0];
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
  await list("margin");
  const fields = [field("Model", model), field("Explain", target, { long: true }), field("As", output)];
  return { fields, choose, model, target, output };
}

export async function corpusField(label = "Corpus", { labelled = false, name = "corpus" } = {}) {
  const corpora = (await everything("/v1/corpora"))
    .filter((corpus) => !labelled || corpus.ships || corpus.labelled);
  const choices = corpora.map((corpus) =>
    [corpus.name, corpus.rows === null ? corpus.name : `${corpus.name} (${count(corpus.rows)} rows)`]);
  return field(label, select(name, choices, "rotten-tomatoes"));
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
