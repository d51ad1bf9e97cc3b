// @ts-check
/** The link of an invitation carries its code behind the #, which is never sent: put it into the form. */

class JoinLink extends HTMLElement {
  connectedCallback() {
    const code = decodeURIComponent(location.hash.slice(1));
    const input = this.querySelector("input[name=code]");
    if (!code || !(input instanceof HTMLInputElement)) return;
    input.value = code;
    history.replaceState(null, "", location.pathname);
    input.form?.requestSubmit();
  }
}

customElements.define("join-link", JoinLink);
