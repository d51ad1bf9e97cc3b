// @ts-check
/**
 * One value edited in its place: Esc puts it back, a choice saves at once, focus never gets lost.
 * While it is edited, its place is marked, so that a refresh of the page leaves it alone.
 */
import htmx from "htmx";

class InlineCell extends HTMLElement {
  /** @type {HTMLElement | null} */
  #place = null;
  #leaving = new AbortController();

  connectedCallback() {
    this.#place = this.parentElement;
    if (this.#place) this.#place.dataset.editing = "";
    htmx.process(this); // a key may come before htmx gets to what it has just put in
    const input = this.querySelector("[data-autofocus]");
    if (input instanceof HTMLElement) {
      input.focus();
      if (input instanceof HTMLInputElement) input.select();
    }
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
    }, { signal });
  }

  disconnectedCallback() {
    this.#leaving.abort();
    if (this.#place && !this.#place.querySelector("inline-cell")) delete this.#place.dataset.editing;
  }

  /** A key that is typed here, or nowhere: the page may have taken the focus away.
   * @param {KeyboardEvent} event */
  #onKey(event) {
    const isHere = event.target instanceof Node && this.contains(event.target);
    if (event.key === "Escape" && (isHere || event.target === document.body)) {
      event.preventDefault(); // Esc would also stop what the browser is fetching
      /** @type {HTMLElement | null} */ (this.querySelector("[data-cancel]"))?.click();
    } else if (isHere && event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      this.querySelector("form")?.requestSubmit();
    }
  }
}

customElements.define("inline-cell", InlineCell);
