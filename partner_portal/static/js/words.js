// @ts-check
/** The few words that scripts say, from the page's catalogue. */

/** @type {Record<string, string>} */
const words = JSON.parse(document.getElementById("words")?.textContent || "{}");

/** @param {string} key */
export function say(key) {
  return words[key] ?? key;
}
