// @ts-check
/**
 * One value edited in its place: Esc puts it back, a choice saves at once, focus never gets lost.
 * While it is edited, its place is marked, so that a refresh of the page leaves it alone.
 */

class InlineCell extends HTMLElement {
  /** @type {HTMLElement | null} */
  #place = null;

  connectedCallback() {
    this.#place = this.parentElement;
    if (this.#place) this.#place.dataset.editing = "";
    const input = this.querySelector("[data-autofocus]");
    if (input instanceof HTMLElement) {
      input.focus();
      if (input instanceof HTMLInputElement) input.select();
    }
    this.addEventListener("keydown", (event) => {
      const form = this.querySelector("form");
      if (event.key === "Escape") {
        event.stopPropagation();
        /** @type {HTMLElement | null} */ (this.querySelector("[data-cancel]"))?.click();
      } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
        form?.requestSubmit();
      }
    });
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
    });
  }

  disconnectedCallback() {
    if (this.#place && !this.#place.querySelector("inline-cell")) delete this.#place.dataset.editing;
  }
}

customElements.define("inline-cell", InlineCell);
