// @ts-check
/** Find a customer or a page and go there, without leaving the keyboard. */

class CommandPalette extends HTMLElement {
  #options() { return /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role=option]")]); }

  /** @param {number} step */
  #move(step) {
    const options = this.#options();
    if (!options.length) return;
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const next = options[(at + step + options.length) % options.length];
    for (const option of options) option.setAttribute("aria-selected", String(option === next));
    next.scrollIntoView({ block: "nearest" });
    this.querySelector("input")?.setAttribute("aria-activedescendant", next.id);
  }

  connectedCallback() {
    this.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        this.#move(event.key === "ArrowDown" ? 1 : -1);
        event.preventDefault();
      } else if (event.key === "Enter") {
        const chosen = this.querySelector("[role=option][aria-selected=true]");
        if (!(chosen instanceof HTMLAnchorElement)) return;
        event.preventDefault();
        if (event.metaKey || event.ctrlKey) open(chosen.href, "_blank", "noopener");
        else chosen.click();
      }
    });
  }
}

customElements.define("command-palette", CommandPalette);
