// Models and jobs: what there is, what runs, and how to start more.
import { everything, isOver } from "./api.js";
import { corpusField, relistCorpora } from "./choices.js";
import { fill, make, problem } from "./elements.js";
import { when } from "./numbers.js";
import { corpora, models, trainForm, uploadForm } from "./shelves.js";
import { analysisForm, rest, state, watch } from "./start.js";

export const title = "Models and jobs";
const FOLLOWED = 3;  // a browser keeps but six connections to a service
const REFRESH = 4000;

export async function open(root, signal, views) {
  const shelf = make("section", { "aria-label": "Models" }), listed = make("div"), details = make("div"), data = make("section", { "aria-label": "Corpora" });
  const train = make("div"), upload = make("div"), analyze = make("div"), list = make("section", { "aria-label": "Jobs" });
  const refresh = () => Promise.all([fill(listed, () => models(refresh, details)), fill(data, () => corpora(refreshCorpora)), listJobs()]);
  const listJobs = () => fill(list, () => jobs(signal, refresh, views));
  const fillForms = () => Promise.all([
    fill(train, async () => trainForm(await corpusField("Corpus", { labelled: true }), listJobs)),
    fill(analyze, () => analysisForm(signal, () => {}, { started: listJobs })),
  ]);
  const refreshCorpora = () => Promise.all([fill(data, () => corpora(refreshCorpora)), relistCorpora(root)]);

  shelf.append(listed, details);
  root.replaceChildren(make("h1", {}, title),
    make("p", { class: "soft" }, "Models that can be asked, and the work of the service."),
    make("h2", {}, "Models"), shelf, section("Train a model", train), section("Analyze a corpus", analyze),
    make("h2", {}, "Jobs"), list,
    make("h2", {}, "Corpora"), data, section("Upload a corpus", upload));
  upload.replaceChildren(uploadForm(refreshCorpora));
  return async () => { await Promise.all([refresh(), fillForms()]); };
}

function section(name, content) {
  return make("details", { class: "opens" }, make("summary", {}, name), content);
}

// The newest jobs first; those at work are followed, as far as connections go.
async function jobs(signal, finished, views) {
  const found = await everything("/v1/jobs");
  if (!found.length) return make("p", { class: "soft" }, "No job was started yet.");
  const rows = new Map();
  let following = 0;
  const follow = (job) => {
    if (isOver(job) || following >= FOLLOWED) return;
    following += 1;
    watch(job, signal, (now) => rows.get(job.id).show(now), () => finished())
      .catch((error) => { if (error.name !== "AbortError") rows.get(job.id).element.append(problem(error)); })
      .finally(() => { following -= 1; });
  };
  for (const job of found) rows.set(job.id, jobRow(job, views));
  const list = make("ul", { class: "jobs" }, [...rows.values()].map(({ element }) => element));
  found.filter((job) => job.state === "running").forEach(follow);
  found.filter((job) => job.state === "queued").reverse().forEach(follow);
  again(found.length > FOLLOWED && found.some((job) => !isOver(job)), rows, follow, list, signal);
  return list;
}

// Those that are not followed are asked for now and then.
function again(wanted, rows, follow, list, signal) {
  if (!wanted) return;
  setTimeout(async () => {
    if (signal.aborted || !list.isConnected) return;
    const found = await everything("/v1/jobs").catch(() => []);
    for (const job of found) {
      rows.get(job.id)?.show(job);
      if (job.state === "running") follow(job);
    }
    again(found.some((job) => !isOver(job)), rows, follow, list, signal);
  }, REFRESH);
}

function jobRow(first, views) {
  const element = make("li", { class: "job", "data-job": first.id });
  const show = (job) => {
    const body = make("div", {}, state(job), rest(job, element));
    element.replaceChildren(body, make("div", { class: "small soft" }, when(job.finished ?? job.started ?? job.created), " ", result(job, views)));
  };
  show(first);
  return { element, show };
}

function result({ state: now, kind, id, analysis, model }, views) {
  if (now !== "succeeded") return null;
  const links = { training: [`#explain?model=${model}`, "Ask it"], analysis: [`#division/${id}`, "Division of labour"] };
  const [href, label] = links[kind] ?? [`#${kind}/${analysis}?set=${id}`, views[kind]?.title];
  return label ? make("a", { href }, label) : null;
}

