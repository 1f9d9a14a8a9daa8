// The views of the page, in the order of its navigation: each has a `title` and `open(root, signal, views)`.
import * as division from "./division.js";
import * as explain from "./explain.js";
import * as filters from "./filters.js";
import * as jobs from "./jobs.js";
import * as negation from "./negation.js";
import * as rules from "./rules.js";

export const VIEWS = { explain, filters, division, negation, rules, jobs };
