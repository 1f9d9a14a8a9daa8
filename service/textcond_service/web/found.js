// A view of what was found in an analysis: choose the analysis, start the search, see what it found.
import { get } from "./api.js";
import { analysisField, finishedAnalyses } from "./choices.js";
import { fill, make } from "./elements.js";
import { analysisForm, progress, state } from "./start.js";

// The address tells the analysis, and the result that is shown: #NAME/ANALYSIS?set=JOB.
// `search(id, analyses, started)` is the form that starts a job, `results(id, set, go, signal)` what
// is shown of those that ended.
export function viewOf({ name, title, intro, missing, search, results }) {
  return async function open(root, signal) {
    const top = make("div"), asked = make("div"), followed = make("div"), shown = make("div");
    const go = (analysis, set) => { location.hash = `#${name}/${analysis}${set ? `?set=${set}` : ""}`; };
    let analyses = [], chosen = "";

    async function choose(id) {
      chosen = id;
      followed.replaceChildren();
      await fill(asked, () => search(id, analyses, (job) => {
        followed.replaceChildren(progress(job, signal, () => {
          followed.replaceChildren();
          go(id, job.id);
        }));
      }));
    }

    root.replaceChildren(make("h1", {}, title), make("p", { class: "soft" }, intro), top, asked, followed, shown);
    return async ({ part, query }) => {
      if (!chosen || part !== chosen) {
        await fill(top, async () => {
          analyses = await finishedAnalyses();
          if (analyses.length) return analysisField(analyses, part || analyses[0].id, (id) => go(id));
          return [make("p", {}, missing), await analysisForm(signal, (job) => go(job.id))];
        });
        const id = part || analyses[0]?.id;
        if (!analyses.some((one) => one.id === id)) {
          chosen = "";
          asked.replaceChildren();
          shown.replaceChildren();
          // Why it is not among them, in the service's words.
          if (id) await fill(shown, async () => state(await get(`/v1/analyses/${id}`, { signal })));
          return;
        }
        if (id !== chosen) await choose(id);
      }
      await fill(shown, () => results(chosen, query.get("set"), go, signal));
    };
  };
}
