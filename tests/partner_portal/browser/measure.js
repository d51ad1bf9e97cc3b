// Facts about the layout of the open page, for the stories.
window.measure = {
  /** Name what sticks out of the page on the right. */
  tooWide() {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    return [...document.querySelectorAll("body *")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .filter((e) => !e.closest(".scroll, .grid, .tabs"))
      .map((e) => `${e.tagName}.${e.className}`)
      .slice(0, 8);
  },

  /** Name what has more text than room: it lies over its neighbour, or nobody can read its end. */
  crowded() {
    return [...document.querySelectorAll("a, button, summary, label, .tag, .chip, h1, h2, .kpi .v")]
      .filter((e) => e.checkVisibility() && !e.matches(".sr") && e.scrollWidth > e.clientWidth + 1)
      .filter((e) => e.clientWidth > 0 && getComputedStyle(e).overflowX === "visible")
      .map((e) => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 20)}`);
  },

  /** Name what a finger would miss: operable, visible, under 44 pixels in height or width. */
  tooSmall() {
    const operable = "a[href], button, summary, input:not([type=hidden]), select, textarea";
    // A link inside a line of text, one that covers its whole row, and what its label stands for,
    // are as large as that.
    const larger = ".skip, .sr, .name, .link, .hit a, p a";
    return [...document.querySelectorAll(operable)]
      .filter((e) => e.checkVisibility() && e.getClientRects().length && !e.matches(larger))
      .map((e) => [e, (e.matches(".box") ? e.closest("label") : e).getBoundingClientRect()])
      .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
      .map(([e, box]) => {
        const size = `${Math.round(box.width)}x${Math.round(box.height)}`;
        return `${e.tagName}.${e.className} ${size} ${e.textContent.trim().slice(0, 20)}`;
      });
  },

  /** Ask axe what keeps people from using the page (WCAG 2.0 to 2.2, A and AA). */
  async violations(words) {
    if (words) axe.configure({ locale: JSON.parse(words) });
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    return await measure.broken({ type: "tag", values: tags });
  },

  /** Ask axe for the two of these rules that look at colours. */
  async colours() {
    return await measure.broken({ type: "rule", values: ["color-contrast", "link-in-text-block"] });
  },

  /** Name what breaks some rules of axe. */
  async broken(runOnly) {
    const result = await axe.run(document, { runOnly, resultTypes: ["violations"] });
    return result.violations.flatMap((violation) =>
      violation.nodes.map((n) => `${violation.id}: ${violation.help} | ${n.html.slice(0, 160)}`),
    );
  },
};
