// @ts-check
/**
 * A link carries its code behind the #, which is never sent: put it into the form and send that, or
 * where there is no form (a device's code) show it, and the command that takes it.
 */

const GROUP = /.{3}(?=.)/g;

class JoinLink extends HTMLElement {
  connectedCallback() {
    const code = decodeURIComponent(location.hash.slice(1));
    if (!code) return;
    const input = this.querySelector("input[name=code]");
    const there = this.querySelector("[data-there]");
    if (there) {
      for (const each of there.querySelectorAll("[data-code]"))
        each.textContent = code.replace(GROUP, "$&-");
      for (const each of there.querySelectorAll("[data-origin]"))
        each.textContent = location.origin;
      there.removeAttribute("hidden");
    } else if (input instanceof HTMLInputElement) {
      input.value = code;
      history.replaceState(null, "", location.pathname);
      input.form?.requestSubmit();
    }
  }
}

customElements.define("join-link", JoinLink);
