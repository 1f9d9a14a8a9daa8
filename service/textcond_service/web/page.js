// The page: the address after # tells the view and what it shows.
import { make, problem, waiting } from "./elements.js";
import { VIEWS } from "./views.js";

const main = document.querySelector("#view");
const links = Object.entries(VIEWS).map(([name, { title }]) => make("a", { href: `#${name}` }, title));
document.querySelector("nav").prepend(...links);
let shown = { name: "", leave: new AbortController(), ready: null };

function read(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [name, part = ""] = path.split("/");
  return { name: name in VIEWS ? name : "explain", part, query: new URLSearchParams(query) };
}

function enter(name, focus) {
  shown.leave.abort();
  const leave = new AbortController();
  const root = document.createElement("div");
  root.append(waiting("Loading…"));
  main.replaceChildren(root);
  document.title = `${VIEWS[name].title} – textcond`;
  for (const link of links) {
    if (read(link.hash).name === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  shown = { name, leave, ready: open(VIEWS[name], root, leave.signal) };
  if (focus) main.focus();
}

async function open(view, root, signal) {
  try {
    return await view.open(root, signal, VIEWS);
  } catch (error) {
    if (!signal.aborted) root.replaceChildren(problem(error));
    return null;
  }
}

async function show({ focus }) {
  const route = read(location.hash);
  if (route.name !== shown.name) enter(route.name, focus);
  const { ready, leave } = shown;
  const update = await ready;
  if (!leave.signal.aborted) update?.(route);
  // The way back to this view leads to what it shows now.
  const link = links.find((one) => read(one.hash).name === route.name);
  if (location.hash && link) link.href = location.hash;
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => show({ focus: true }));
show({ focus: false });
