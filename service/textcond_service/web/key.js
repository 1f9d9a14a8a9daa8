// The API key: asked for once the service wants one, and kept until the tab is closed.
import { field, make, submit } from "./elements.js";

const PLACE = "textcond-key";
let asking = null;

export function key() {
  return sessionStorage.getItem(PLACE);
}

// Whether a key was given. Requests that fail together ask together.
export function askForKey(detail) {
  asking ??= new Promise((resolve) => {
    const input = make("input", {
      type: "password", name: "key", autocomplete: "off", spellcheck: "false", required: true,
    });
    const cancel = make("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const form = make("form", { method: "dialog" },
      make("h2", { id: "key-heading" }, "An API key is needed"),
      make("p", {}, detail),
      make("p", { class: "soft small" }, "textcond keys create makes one. It is kept until you close this tab."),
      field("API key", input),
      make("p", { class: "row" }, submit("Use this key"), cancel));
    const dialog = make("dialog", { class: "small-dialog", "aria-labelledby": "key-heading" }, form);
    let given = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(PLACE, input.value.trim());
      given = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      asking = null;
      resolve(given);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
