// @ts-check
/**
 * A link carries its code behind the #, which is never sent: put it into the form and send that, or
 * where there is no form (a phone's code, for the app) show it.
 */

const GROUP = /.{3}(?=.)/g;

class JoinLink extends HTMLElement {
  connectedCallback() {
    const code = decodeURIComponent(location.hash.slice(1));
    if (!code) return;
    const input = this.querySelector("input[name=code]");
    const shown = this.querySelector("[data-text]");
    if (shown) {
      shown.textContent = code.replace(GROUP, "$&-");
      this.querySelector("[data-there]")?.removeAttribute("hidden");
    } else if (input instanceof HTMLInputElement) {
      input.value = code;
      history.replaceState(null, "", location.pathname);
      input.form?.requestSubmit();
    }
  }
}

customElements.define("join-link", JoinLink);
