// @ts-check
/**
 * Deals in columns, moved by mouse or by Alt and an arrow. The server decides each move and answers
 * with the fresh board, so a card that may not move returns by itself.
 */
class DealBoard extends HTMLElement {
  #leaving = new AbortController();
  /** @type {HTMLElement | null} */
  #carried = null;

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.addEventListener("dragstart", (event) => this.#lift(event), { signal });
    this.addEventListener("dragover", (event) => this.#hover(event), { signal });
    this.addEventListener("dragend", () => this.#rest(), { signal });
    this.addEventListener("drop", (event) => this.#drop(event), { signal });
    this.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    document.addEventListener("htmx:after:swap", () => this.#focusAgain(), { signal });
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  /** @param {DragEvent} event */
  #lift(event) {
    const card = /** @type {Element} */ (event.target).closest("[data-deal]");
    if (!(card instanceof HTMLElement) || card.draggable !== true) return;
    this.#carried = card;
    event.dataTransfer?.setData("text/plain", card.dataset.deal ?? "");
    card.classList.add("carried");
  }

  /** @param {DragEvent} event */
  #hover(event) {
    const column = this.#columnAt(event);
    if (!this.#carried || !column) return;
    event.preventDefault();
    for (const each of this.#columns()) each.classList.toggle("over", each === column);
  }

  #rest() {
    this.#carried?.classList.remove("carried");
    this.#carried = null;
    for (const each of this.#columns()) each.classList.remove("over");
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const column = this.#columnAt(event);
    const card = this.#carried;
    event.preventDefault();
    this.#rest();
    if (card && column) this.#move(card, column);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const card = /** @type {Element} */ (event.target).closest("[data-deal]");
    if (!event.altKey || !step || !(card instanceof HTMLElement) || !card.draggable) return;
    event.preventDefault(); // Alt and an arrow would leave the page
    const columns = this.#columns();
    const at = columns.findIndex((each) => each.dataset.stage === card.dataset.stage);
    const column = columns[at + step];
    if (column) this.#move(card, column);
  }

  /** @param {HTMLElement} card @param {HTMLElement} column */
  #move(card, column) {
    const form = this.querySelector("form");
    const columns = this.#columns();
    const here = columns.findIndex((each) => each.dataset.stage === card.dataset.stage);
    const there = columns.indexOf(column);
    if (!form || here === there) return;
    const values = {
      deal: card.dataset.deal ?? "",
      verb: there > here ? "advance" : "return",
      from_stage: card.dataset.stage ?? "",
      to_stage: column.dataset.stage ?? "",
    };
    for (const [name, value] of Object.entries(values)) {
      const input = form.elements.namedItem(name);
      if (input instanceof HTMLInputElement) input.value = value;
    }
    this.dataset.moved = card.id;
    form.requestSubmit();
  }

  /** The moved card keeps the focus, wherever it is now. */
  #focusAgain() {
    const moved = this.dataset.moved;
    if (!moved) return;
    delete this.dataset.moved;
    document.getElementById(moved)?.querySelector("a")?.focus();
  }

  /** @returns {HTMLElement[]} */
  #columns() {
    return [...this.querySelectorAll("section[data-stage]")].filter(
      (each) => each instanceof HTMLElement,
    );
  }

  /** @param {DragEvent} event */
  #columnAt(event) {
    const column = /** @type {Element} */ (event.target).closest("section[data-stage]");
    return column instanceof HTMLElement ? column : null;
  }
}

customElements.define("deal-board", DealBoard);
