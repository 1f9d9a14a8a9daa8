// The shelves of models and corpora, and the forms that add to them.
import { everything, get, post, request } from "./api.js";
import { field, fill, form, make, problem, say, submit } from "./elements.js";
import { count, exact, fixed, percent, size, when } from "./numbers.js";

const SHARES = /accuracy|unknown|both_right|_(above|below)_/;

// `details` is the place of one model's metrics; it stays when the models are listed again.
export async function models(changed, details) {
  const found = await everything("/v1/models");
  if (!found.some(({ name }) => name === details.dataset.model)) details.replaceChildren();
  const rows = found.map((model) => make("tr", {},
    make("th", { scope: "row" }, model.problem ? model.name : make("a", { href: `#explain?model=${model.name}` }, model.name)),
    make("td", {}, model.problem || model.data),
    [model.dev_accuracy, model.test_accuracy].map((value) => make("td", { class: "number" }, exact(value, percent(value)))),
    make("td", {}, make("div", { class: "row" },
      model.problem ? null : make("button", { type: "button", "aria-label": `Metrics of ${model.name}`, onclick: () => showMetrics(details, model.name) }, "Metrics"),
      model.ships ? null : remove(`/v1/models/${model.name}`, `the model ${model.name}`, changed)))));
  return table("Models", ["Name", "Trained on", "Dev accuracy", "Test accuracy", ""], rows, [2, 3]);
}

function showMetrics(place, name) {
  place.dataset.model = name;
  return fill(place, () => metrics(name));
}

async function metrics(name) {
  const model = await get(`/v1/models/${name}`);
  const figures = [["Filters", count(model.filters)], ["Words", count(model.words)], ["Outputs", model.outputs.join(", ")], ["Hash", model.hash]];
  const flat = Object.entries(model.metrics).filter(([, value]) => value && typeof value === "object" && !Array.isArray(value));
  return make("section", { class: "panel", "aria-label": `Metrics of ${name}` }, make("h3", {}, name),
    make("dl", { class: "figures" }, figures.map(([label, value]) => make("div", {}, make("dt", {}, label), make("dd", {}, value)))),
    flat.map(([part, values]) => [make("h3", {}, part.replaceAll("_", " ")), make("dl", { class: "figures" },
      Object.entries(values).filter(([, value]) => typeof value === "number").map(([label, value]) => make("div", {},
        make("dt", {}, label.replaceAll("_", " ")), make("dd", {}, exact(value, SHARES.test(label) ? percent(value) : Number.isInteger(value) ? count(value) : fixed(value, 3))))))]).flat());
}

export async function corpora(changed) {
  const found = await everything("/v1/corpora");
  const rows = found.map((corpus) => make("tr", {},
    make("th", { scope: "row" }, corpus.name),
    make("td", { class: "number" }, count(corpus.rows)), make("td", { class: "number" }, count(corpus.labelled)),
    make("td", { class: "number" }, exact(corpus.bytes, size(corpus.bytes))),
    make("td", {}, corpus.ships ? "known to the library" : ["uploaded ", when(corpus.created)]),
    make("td", {}, corpus.ships ? "" : remove(`/v1/corpora/${corpus.name}`, `the corpus ${corpus.name}`, changed))));
  return table("Corpora", ["Name", "Rows", "Labelled", "Size", "From", ""], rows, [1, 2, 3]);
}

function table(label, heads, rows, numbers) {
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, make("table", {},
    make("thead", {}, make("tr", {}, heads.map((name, place) => (name
      ? make("th", { scope: "col", class: numbers.includes(place) ? "number" : null }, name)
      : make("td", {}))))), make("tbody", {}, rows)));
}

// Deletes at the second press: the first asks.
function remove(path, what, changed) {
  const button = make("button", { type: "button", "aria-label": `Delete ${what}` }, "Delete");
  button.addEventListener("blur", () => { button.textContent = "Delete"; });
  button.addEventListener("click", async () => {
    if (button.textContent === "Delete") {
      button.textContent = "Really delete";
      say(`Press again to delete ${what}.`);
      return;
    }
    await request(path, { method: "DELETE" }).then(changed, (error) => button.after(problem(error)));
  });
  return button;
}

export function trainForm(corpus, started) {
  const number = (name, value, least, step = 1) => make("input", { type: "number", name, value, min: least, step });
  const name = make("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", spellcheck: "false" });
  return form({}, [
    make("div", { class: "fields" }, field("Name", name, { hint: "letters, digits, - and _" }), corpus,
      field("Epochs", number("epochs", "", 1), { hint: "empty: as needed" }), field("Seed", number("seed", 0, 0)), submit("Train")),
    make("details", {}, make("summary", {}, "More options"), make("div", { class: "fields" },
      field("Batch size", number("batch_size", "", 1), { hint: "empty: as needed" }), field("Learning rate", number("learning_rate", "", 0, 0.0001), { hint: "empty: as needed" }),
      field("Dropout", number("dropout", 0.5, 0, 0.05)), field("Patience", number("patience", "", 1), { hint: "epochs without gain" }))),
  ], async (data) => {
    const given = [...data].filter(([, value]) => value !== "");
    const asked = Object.fromEntries(given.map(([key, value]) => [key, ["name", "corpus"].includes(key) ? value : Number(value)]));
    await post("/v1/models", asked);
    say("The training is queued.");
    started();
  });
}

export function uploadForm(uploaded) {
  const name = make("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", spellcheck: "false" });
  const file = make("input", { type: "file", name: "file", required: true, accept: ".csv,.tsv,.jsonl,.txt" });
  const column = (name, value) => make("input", { name, value, maxlength: 200, spellcheck: "false", autocomplete: "off" });
  const meanings = make("input", { name: "labels", maxlength: 10000, spellcheck: "false", autocomplete: "off" });
  const separator = make("input", { name: "separator", maxlength: 10, size: 4, spellcheck: "false", autocomplete: "off" });
  const told = make("div", { role: "status" });
  const made = form({}, [
    make("div", { class: "fields" }, field("Name", name), field("File", file, { hint: "csv, tsv, jsonl or txt", wide: true })),
    make("div", { class: "fields" }, field("Column of texts", column("text_column", "text")), field("Column of labels", column("label_column", "label"), { hint: "to train on" }),
      field("What labels mean", meanings, { hint: "only if they are read wrongly: 1=negative,2=negative,4=positive", wide: true }),
      field("Between labels", separator, { hint: "only if a text has several, such as ;" }), submit("Upload")), told,
  ], async (data) => {
    told.textContent = "Uploading…";
    try {
      const corpus = await (await request("/v1/corpora", { method: "POST", body: data })).json();
      told.replaceChildren(...[`${corpus.name}: ${count(corpus.rows)} rows, ${count(corpus.labelled)} labelled.`, ...corpus.told].map((line) => make("p", {}, line)));
      made.reset();
      uploaded();
    } catch (error) {
      told.textContent = "";
      throw error;
    }
  });
  return made;
}
