// @ts-check
/** Switch between paper and ink; the choice is a cookie, so the next page arrives in it. */

const YEAR_S = 31536000;

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => {
      const root = document.documentElement;
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      const secure = location.protocol === "https:" ? "; secure" : "";
      document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
    });
  }
}

customElements.define("theme-toggle", ThemeToggle);
