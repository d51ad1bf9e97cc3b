// @ts-check
/** A text with a button that copies it; the button is there once it can do so. */
import { say } from "portal/words";

class CopyText extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("[data-copy]");
    const text = this.querySelector("[data-text]");
    if (!(button instanceof HTMLElement) || !text || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent?.trim() ?? "");
      const label = button.querySelector("span");
      if (label) label.textContent = say("copied");
    });
  }
}

customElements.define("copy-text", CopyText);
