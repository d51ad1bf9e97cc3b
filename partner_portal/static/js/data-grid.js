// @ts-check
/** J, K and the arrows walk the rows by moving the real focus from name to name; Enter opens. */

class DataGrid extends HTMLElement {
  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input, textarea, select") || target.closest("[data-menu]")) return;
    const inside = this.contains(target);
    const step = { j: 1, k: -1, ...(inside ? { ArrowDown: 1, ArrowUp: -1 } : {}) }[event.key];
    const end = inside ? { Home: 0, End: -1 }[event.key] : undefined;
    if (step === undefined && end === undefined) return;
    const names = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("a.name")]);
    if (!names.length) return;
    const at = names.findIndex((name) => name.closest("tr")?.contains(document.activeElement));
    const next = step === undefined ? names.at(/** @type {number} */ (end)) : names[at + step];
    if (next) {
      next.focus();
      next.closest("tr")?.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    }
  };

  /** @param {MouseEvent} event */
  #onClick = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("a, button, input, summary, label") || getSelection()?.toString()) return;
    const name = target.closest("tbody tr")?.querySelector("a.name");
    if (name instanceof HTMLElement) name.click();
  };

  connectedCallback() {
    document.addEventListener("keydown", this.#onKey);
    this.addEventListener("click", this.#onClick);
  }

  disconnectedCallback() { document.removeEventListener("keydown", this.#onKey); }
}

customElements.define("data-grid", DataGrid);
