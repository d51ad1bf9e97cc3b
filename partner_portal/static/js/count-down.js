// @ts-check
/** Count down to a moment, and say when it is over. */

const TICK_MS = 1000;

class CountDown extends HTMLElement {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  connectedCallback() {
    this.#show();
    this.#timer = setInterval(() => this.#show(), TICK_MS);
  }

  disconnectedCallback() { clearInterval(this.#timer); }

  #show() {
    const left = Math.max(0, Math.ceil((Date.parse(this.dataset.until ?? "") - Date.now()) / 1000));
    const shown = this.querySelector("[data-left]");
    const over = this.querySelector("[data-over]");
    if (!(shown instanceof HTMLElement) || !(over instanceof HTMLElement)) return;
    shown.hidden = left === 0;
    over.hidden = left > 0;
    const minutes = Math.floor(left / 60);
    shown.textContent = `${minutes}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) return;
    clearInterval(this.#timer);
    this.classList.add("over");
    this.closest(".code-card")?.classList.add("over");
  }
}

customElements.define("count-down", CountDown);
