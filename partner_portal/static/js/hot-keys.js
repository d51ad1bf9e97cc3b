// @ts-check
/** Keys that work everywhere. A page marks what they act on with data-key="n" and the like. */

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement
    && (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"));
}

/** @param {string} id */
function open(id) {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById(id));
  if (!dialog || dialog.open) return false;
  dialog.showModal();
  /** @type {HTMLInputElement | null} */ (dialog.querySelector("input[type=search]"))?.select();
  return true;
}

class HotKeys extends HTMLElement {
  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      if (open("palette")) event.preventDefault();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (this.#act(event.key)) event.preventDefault();
  };

  /** @param {string} key */
  #act(key) {
    if (key === "?") return open("help");
    if (key === "/") {
      const search = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-key='/']"));
      if (!search) return open("palette");
      search.focus();
      search.select();
      return true;
    }
    if (!/^[a-z]$/i.test(key)) return false;
    const marked = document.querySelector(`[data-key="${key.toLowerCase()}"]`);
    if (!(marked instanceof HTMLElement)) return false;
    marked.click();
    return true;
  }

  connectedCallback() { document.addEventListener("keydown", this.#onKey); }
  disconnectedCallback() { document.removeEventListener("keydown", this.#onKey); }
}

customElements.define("hot-keys", HotKeys);
