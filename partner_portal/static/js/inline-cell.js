// @ts-check
/** One value edited in its place: Esc puts it back, a choice saves at once, focus never gets lost. */

class InlineCell extends HTMLElement {
  connectedCallback() {
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
}

customElements.define("inline-cell", InlineCell);
