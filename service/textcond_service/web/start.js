// Starting an analysis, wherever one is missing; and a job's progress as it goes.
import { follow, isOver, post, request } from "./api.js";
import { corpusField, quantityFields } from "./choices.js";
import { field, form, make, problem, say, select, submit } from "./elements.js";
import { count, duration } from "./numbers.js";

const SPLITS = [["", "dev and test, or a whole file"], ...["dev", "test", "train", "train+dev+test"].map((name) => [name])];

// A form that starts an analysis; `done` is told the job when it has succeeded. The form follows
// it, unless somebody else does who is told when it has `started`.
export async function analysisForm(signal, done, { model, started } = {}) {
  const quantity = await quantityFields(() => {}, { ofCorpus: true });
  if (model) await quantity.choose(new URLSearchParams({ model }));
  const place = make("div");
  const fields = make("div", { class: "fields" },
    quantity.fields[0], await corpusField(),
    field("Split", select("split", SPLITS, ""), { hint: "an uploaded file has parts if it has a column split" }),
    quantity.fields.slice(1), submit("Start the analysis"));
  const made = form({ class: "start" }, fields, async (data) => {
    const { model: name, corpus, split, output } = Object.fromEntries(data);
    const job = await post("/v1/analyses", { model: name, corpus, split: split || null, output, target: quantity.target.value });
    if (started) started(job);
    else place.replaceChildren(progress(job, signal, done));
  });
  return make("div", {}, made, place);
}

// The progress of one job until it is over; `done` is told the job if it succeeds.
export function progress(job, signal, done = () => {}) {
  const place = make("div", { class: "panel" });
  const show = (now) => place.replaceChildren(state(now), ...rest(now, place));
  show(job);
  watch(job, signal, show, done).catch((error) => {
    if (error.name !== "AbortError") place.append(problem(error));
  });
  return place;
}

export async function watch(job, signal, show, done = () => {}) {
  if (isOver(job)) return;
  for await (const now of follow(job.id, signal)) {
    show(now);
    if (!isOver(now)) continue;
    say(`The job has ${now.state === "succeeded" ? "succeeded" : `ended: ${now.state}`}.`);
    if (now.state === "succeeded") done(now);
  }
}

export function state(job) {
  const shown = job.cancelling ? "cancelling" : job.state;
  return make("p", { class: "row" },
    make("span", { class: `state ${job.state}` }, shown),
    make("span", {}, `${job.kind ?? "analysis"}${job.model ? ` · ${job.model}` : ""}${job.corpus ? ` · ${job.corpus}` : ""}`));
}

// Bar, message and the way to cancel, while it runs; the error, if it failed.
export function rest(job, place) {
  if (job.state === "failed") return [problem({ detail: job.error?.detail ?? "The job failed." })];
  if (isOver(job)) return [];
  const bar = make("progress", { "aria-label": `Progress of the ${job.kind}`, max: job.total ?? 1 });
  if (job.total) bar.value = job.done;
  const told = [
    job.state === "queued" ? "Waiting for a worker." : job.message,
    job.total ? `${count(job.done)} of ${count(job.total)}` : "",
    job.rate ? `${count(Math.round(job.rate))} a second` : "",
    job.seconds_left ? `${duration(job.seconds_left)} left` : "",
  ].filter(Boolean).join(" · ");
  const cancel = make("button", { type: "button", disabled: job.cancelling }, "Cancel");
  cancel.addEventListener("click", async () => {
    cancel.disabled = true;
    await request(`/v1/jobs/${job.id}`, { method: "DELETE" })
      .catch((error) => place.append(problem(error)));
  });
  return [make("p", { class: "row" }, bar, cancel), make("p", { class: "small soft" }, told)];
}
