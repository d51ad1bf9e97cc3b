// @ts-check
/**
 * A form whose state is the address: empty fields are left out, a choice closes its menu.
 * A list that has grown is refreshed as long as it is; one that is very long waits for its person.
 */

const PAGE = 50;
const REFRESHED_MAX = 200;

class FilterBar extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => {
      const target = /** @type {Element} */ (event.target);
      target.closest("details[data-menu]")?.removeAttribute("open");
      const form = target.closest("form");
      if (form && "auto" in form.dataset) form.requestSubmit();
    });
    this.addEventListener("htmx:config:request", (event) => {
      const { request, sourceElement } = /** @type {CustomEvent} */ (event).detail.ctx;
      const rows = this.querySelectorAll("a.name").length;
      if (sourceElement === this && rows > REFRESHED_MAX) event.preventDefault();
      if (sourceElement === this && rows > PAGE) {
        request.action += `${request.action.includes("?") ? "&" : "?"}rows=${rows}`;
      }
      const body = request.body;
      if (!(body instanceof FormData)) return;
      for (const [name, value] of [...body]) if (value === "") body.delete(name);
    });
    this.addEventListener("submit", (event) => {
      const form = /** @type {HTMLFormElement} */ (event.target);
      for (const input of form.querySelectorAll("input, select")) {
        const field = /** @type {HTMLInputElement} */ (input);
        if (field.value === "") field.disabled = true;
      }
    });
  }
}

customElements.define("filter-bar", FilterBar);
