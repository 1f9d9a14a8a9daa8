// Division of labour: which filters work for which side, as a map that zooms.
import { download, get, request } from "./api.js";
import { openCard } from "./card.js";
import { analysisField, finishedAnalyses } from "./choices.js";
import { fill, make } from "./elements.js";
import { count, exact, fixed, percent, signed } from "./numbers.js";
import { signsMap } from "./signs.js";
import { analysisForm } from "./start.js";

export const title = "Division of labour";

export async function open(root, signal) {
  const top = make("div"), results = make("div");
  const choose = (id) => { location.hash = `#division/${id}`; };

  root.replaceChildren(make("h1", {}, title),
    make("p", { class: "soft" }, "Which filters raise the score and which lower it, sentence by sentence."),
    top, results);
  return async ({ part }) => {
    let analyses = [];
    await fill(top, async () => {
      analyses = await finishedAnalyses();
      if (analyses.length) return analysisField(analyses, part || analyses[0].id, choose);
      return [make("p", {}, "No corpus is analyzed yet. An analysis measures the conductance of every filter for every sentence."),
        await analysisForm(signal, (job) => choose(job.id))];
    });
    const id = part || analyses[0]?.id;
    results.replaceChildren();
    if (id) await fill(results, () => show(id, signal), "Loading the map…");
  };
}

async function show(id, signal) {
  const at = `/v1/analyses/${id}`;
  const [division, sentences, signs] = await Promise.all([
    get(`${at}/division`, { signal }), get(`${at}/rows`, { signal }),
    request(`${at}/signs`, { signal }).then((answer) => answer.arrayBuffer()),
  ]);
  division.poles ??= ["positive", "negative"];  // of an analysis by an earlier version
  const readout = make("p", { class: "readout", role: "status" }, "Point at the map, or focus it and use the arrow keys.");
  const tell = ({ filter, row, sign }) => readout.replaceChildren(...told(division.roles[filter], sentences.items[row], sign, division.poles));
  const map = signsMap({
    signs: new Int8Array(signs), filters: division.filter_order, sentences: division.sentence_order,
    roles: division.roles, scores: sentences.items.map(({ score }) => score), clusters: division.sentence_cluster,
    tell, open: (filter) => openCard(division.model, filter, id), signal,
  });
  const left = division.sentences - division.rows.length;
  return [
    figures(division), make("h2", {}, "The signs of conductance"),
    make("p", {}, `A row is a sentence, a column a filter; like ones stand together. ${left > 0 ? `Drawn at random: ${count(division.rows.length)} of ${count(division.sentences)} sentences. ` : ""}The strips on top tell what each filter usually does (blue: pushes towards ${division.poles[0]}, red: towards ${division.poles[1]}) and its group, those at the left whether the sentence's score is above zero, and its group.`),
    make("p", { class: "legend small" }, [["raises", "raises the score"], ["lowers", "lowers it"], ["neither", `within ${fixed(division.threshold)} of zero`]]
      .map(([name, label]) => make("span", {}, make("span", { class: `key ${name}` }), label))),
    make("p", { class: "row" }, map.buttons, download("Picture (PNG)", `${at}/division.png`, "division.png")),
    map.canvas, readout,
    make("p", { class: "small soft" }, "Wheel, two fingers or + and − zoom; drag to move; arrow keys move the cursor; click or Enter opens the filter's card; 0 shows all."),
  ];
}

// What a filter usually pushes to.
export const sideOf = (role, poles) => ({ positive: poles[0], negative: poles[1] })[role.polarity] ?? "none";

function told(role, sentence, sign, poles) {
  const pushes = sign > 0 ? "raises the score" : sign < 0 ? "lowers the score" : "does next to nothing";
  const colour = sign > 0 ? "up" : sign < 0 ? "down" : "soft";
  return [
    make("b", {}, `Filter ${role.filter}`), ` (width ${role.width}, usually for ${sideOf(role, poles)}${role.purity === null ? "" : `, purity ${percent(role.purity, 0)}`}, group ${role.cluster}) `,
    make("b", { class: colour }, pushes), ` of sentence ${sentence.row} (score `, exact(sentence.score, signed(sentence.score)), "): ", sentence.text,
  ];
}

function figures(division) {
  const groups = division.sentence_clusters;
  const rows = [
    ["Sentences", division.sentences, count, `of ${division.data}`],
    ["Mean purity", division.mean_purity, percent, "how often a filter pushes its usual way"],
    ["Pure filters", division.pure_filters, percent, "their purity is 95 % or more"],
    [`Filters for ${division.poles[0]}`, division.positive_filters, count, "usually raise the score"],
    [`Filters for ${division.poles[1]}`, division.negative_filters, count, "usually lower it"],
    ["Dead filters", division.dead_filters, count, "never push beyond the threshold"],
    ["Groups", division.filter_clusters, (value) => `${value} and ${groups}`, "of filters, and of sentences, with like signs"],
    ["Stability", division.stability, fixed, "of the filters' groups when sentences are drawn anew: 1 the same, 0 as by chance"],
  ];
  return make("dl", { class: "figures" }, rows.map(([name, value, shown, meaning]) => make("div", {},
    make("dt", {}, name), make("dd", {}, make("b", {}, exact(value, shown(value))), make("small", {}, meaning)))));
}
