// Making elements: text is always text, never markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

let fields = 0;

// A control with its label above it.
export function field(label, control, { hint = "", wide = false, long = false } = {}) {
  control.id ||= `field-${++fields}`;
  const told = hint ? make("small", { id: `${control.id}-hint` }, hint) : null;
  if (told) control.setAttribute("aria-describedby", told.id);
  return make("div", { class: `field${wide ? " wide" : ""}${long ? " long" : ""}` },
    make("div", {}, make("label", { for: control.id }, label), told ? " " : null, told), control);
}

export function select(name, choices, chosen) {
  const options = choices.map(([value, label]) =>
    make("option", { value, selected: String(value) === String(chosen) }, label ?? value));
  return make("select", { name }, options);
}

export function say(text) {
  document.querySelector("#said").textContent = text;
}

export function waiting(text) {
  return make("p", { class: "waiting" }, text);
}

// What went wrong, in the service's own words.
export function problem(error) {
  const issues = (error.issues ?? []).slice(1);
  return make("div", { class: "problem", role: "alert" },
    make("p", {}, error.detail ?? String(error)),
    issues.length
      ? make("ul", {}, issues.map((issue) => make("li", {}, `${issue.where}: ${issue.detail}`)))
      : null);
}

// Fill a place with what a call answers; meanwhile and on failure, say so there.
export async function fill(place, call, message = "Loading…") {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(waiting(message));
  try {
    const content = await call();
    place.replaceChildren(...[content].flat());
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(problem(error));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

// A form that sends what it holds, and is not sent twice at a time.
export function form(attributes, children, send) {
  const wrong = make("div");
  const made = make("form", { novalidate: true, ...attributes }, children, wrong);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = made.querySelector("button[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    wrong.replaceChildren();
    try {
      await send(new FormData(made));
    } catch (error) {
      wrong.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
    }
  });
  return made;
}

export function submit(label) {
  return make("button", { type: "submit" }, label);
}
