// @ts-check
/**
 * Hear that something changed, and have the parts of the page that show it fetch themselves again.
 *
 * A browser gives one origin six connections, so only one tab (the one that holds the lock) keeps the
 * stream; it tells the others. What travels is ids alone; each tab asks for what its person may see.
 */
import htmx from "htmx";

const STREAM = "/live";
const CHANNEL = "tonglu-live";
const SETTLE_MS = 250;
const RETRY_MS = 4000;

class LiveFeed extends HTMLElement {
  #channel = new BroadcastChannel(CHANNEL);
  #leaving = new AbortController();
  /** @type {EventSource | null} */
  #stream = null;
  /** @type {Set<string>} */
  #ids = new Set();
  #all = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#channel.postMessage({ kind: "who" });
    navigator.locks
      .request("tonglu-live-leader", { signal: this.#leaving.signal }, () => this.#lead())
      .catch((error) => { if (error.name !== "AbortError") throw error; });
  }

  disconnectedCallback() {
    this.#leaving.abort();
    this.#stream?.close();
    this.#channel.close();
  }

  /** Hold the stream for as long as this tab lives. */
  #lead() {
    this.#connect();
    return new Promise((resolve) => {
      this.#leaving.signal.addEventListener("abort", () => resolve(undefined));
    });
  }

  #connect() {
    const stream = new EventSource(STREAM);
    this.#stream = stream;
    stream.onopen = () => this.#tell({ kind: "state", on: true });
    stream.addEventListener("changed", ({ data }) => this.#tell({ kind: "changed", ids: JSON.parse(data).ids ?? null }));
    stream.onerror = () => {
      this.#tell({ kind: "state", on: false });
      if (stream.readyState === EventSource.CLOSED && !this.#leaving.signal.aborted) {
        setTimeout(() => this.#connect(), RETRY_MS);
      }
    };
  }

  /** @param {{kind: string, on?: boolean, ids?: string[] | null}} news */
  #tell(news) {
    this.#hear(news);
    this.#channel.postMessage(news);
  }

  /** @param {{kind: string, on?: boolean, ids?: string[] | null}} news */
  #hear(news) {
    if (news.kind === "who" && this.#stream) {
      this.#channel.postMessage({ kind: "state", on: this.#stream.readyState === EventSource.OPEN });
    } else if (news.kind === "state") {
      const was = document.documentElement.dataset.live;
      document.documentElement.dataset.live = news.on ? "on" : "off";
      if (was === "off" && news.on) this.#soon(null);
    } else if (news.kind === "changed") {
      this.#soon(news.ids ?? null);
    }
  }

  /** @param {string[] | null} ids null: something changed, nobody knows what */
  #soon(ids) {
    if (ids === null) this.#all = true;
    else for (const id of ids) this.#ids.add(id);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), SETTLE_MS);
  }

  #refresh() {
    for (const part of document.querySelectorAll("[data-live]")) {
      if (part === document.documentElement) continue;
      const about = part.getAttribute("data-live") || "";
      if (about === "any" || this.#all || this.#ids.has(about)) htmx.trigger(part, "refresh");
    }
    this.#ids.clear();
    this.#all = false;
  }
}

customElements.define("live-feed", LiveFeed);
