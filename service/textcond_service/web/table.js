// A table that sorts by a click on a heading and shows more rows when they are wanted.
import { make } from "./elements.js";

const STEP = 100;

// Columns are { label, value(row), show?(row), number?, kind?, title? }; `rowClass` and `caption` may be left out.
export function sortable(columns, rows, { caption = "", label = "", sort = null } = {}) {
  let shown = rows, visible = STEP, order = sort;  // order is [column, -1 or 1]
  const body = make("tbody");
  const more = make("button", { type: "button", hidden: true }, "Show more rows");
  const heads = columns.map((column, place) =>
    make("th", { class: column.number ? "number" : null, scope: "col", title: column.title },
      make("button", { type: "button", onclick: () => sortBy(place) }, column.label)));

  function draw() {
    const ordered = order ? [...shown].sort(compare) : shown;
    body.replaceChildren(...ordered.slice(0, visible).map((row) => make("tr", {}, columns.map((column) =>
      make("td", { class: column.number ? "number" : column.kind ?? "words" }, column.show ? column.show(row) : String(column.value(row)))))));
    more.hidden = ordered.length <= visible;
    heads.forEach((head, place) => {
      if (order?.[0] === place) head.setAttribute("aria-sort", order[1] > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  function compare(one, other) {
    const { value } = columns[order[0]];
    const [a, b] = [value(one), value(other)];
    const missing = Number(a === null) - Number(b === null);
    if (missing) return missing;  // last, whatever the order
    if (typeof a === "string") return order[1] * a.localeCompare(b);
    return order[1] * (a - b);
  }

  function sortBy(place) {
    // Numbers begin with the highest, words with A.
    const first = columns[place].number ? -1 : 1;
    order = [place, order?.[0] === place && order[1] === first ? -first : first];
    draw();
  }

  more.addEventListener("click", () => {
    visible += STEP;
    draw();
  });
  draw();
  const table = make("table", {}, caption ? make("caption", {}, caption) : null,
    make("thead", {}, make("tr", {}, heads)), body);
  const element = make("div", {},
    make("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": label || caption }, table),
    make("p", {}, more));

  function only(fitting) {
    shown = rows.filter(fitting);
    visible = STEP;
    draw();
    return shown.length;
  }

  return { element, only };
}
