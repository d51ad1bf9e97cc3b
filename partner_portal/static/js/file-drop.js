// @ts-check
/** A file dropped onto the form is as good as one chosen; the name is shown before it is sent. */

class FileDrop extends HTMLElement {
  connectedCallback() {
    const input = /** @type {HTMLInputElement | null} */ (this.querySelector("input[type=file]"));
    const zone = this.querySelector(".drop");
    const name = this.querySelector("[data-name]");
    if (!input || !zone) return;
    const show = () => {
      if (name && input.files?.length) name.textContent = input.files[0].name;
      this.querySelector("[type=submit]")?.removeAttribute("disabled");
    };
    input.addEventListener("change", show);
    for (const kind of ["dragover", "dragleave", "drop"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.toggle("over", kind === "dragover");
      });
    }
    zone.addEventListener("drop", (event) => {
      const files = /** @type {DragEvent} */ (event).dataTransfer?.files;
      if (!files?.length) return;
      input.files = files;
      show();
    });
  }
}

customElements.define("file-drop", FileDrop);
