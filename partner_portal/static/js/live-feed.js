// @ts-check
/**
 * Hear that something changed, and have the parts of the page that show it fetch themselves again.
 *
 * A browser gives one origin six connections, so only one tab (the one that holds the lock) keeps the
 * stream; it tells the others. What travels is a number alone; each tab asks for what its person may see.
 * A tab that nobody looks at waits until somebody does.
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
  #isStale = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  connectedCallback() {
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#channel.postMessage({ kind: "who" });
    document.addEventListener("visibilitychange", this.#refresh);
    navigator.locks
      .request("tonglu-live-leader", { signal: this.#leaving.signal }, () => this.#lead())
      .catch((error) => { if (error.name !== "AbortError") throw error; });
  }

  disconnectedCallback() {
    this.#leaving.abort();
    document.removeEventListener("visibilitychange", this.#refresh);
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
    stream.addEventListener("changed", () => this.#tell({ kind: "changed" }));
    stream.onerror = () => {
      this.#tell({ kind: "state", on: false });
      if (stream.readyState === EventSource.CLOSED && !this.#leaving.signal.aborted) {
        setTimeout(() => this.#connect(), RETRY_MS);
      }
    };
  }

  /** @param {{kind: string, on?: boolean}} news */
  #tell(news) {
    this.#hear(news);
    this.#channel.postMessage(news);
  }

  /** @param {{kind: string, on?: boolean}} news */
  #hear(news) {
    if (news.kind === "who" && this.#stream) {
      this.#channel.postMessage({ kind: "state", on: this.#stream.readyState === EventSource.OPEN });
    } else if (news.kind === "state") {
      const was = document.documentElement.dataset.live;
      document.documentElement.dataset.live = news.on ? "on" : "off";
      if (was === "off" && news.on) this.#soon();
    } else if (news.kind === "changed") {
      this.#soon();
    }
  }

  #soon() {
    this.#isStale = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#refresh, SETTLE_MS);
  }

  #refresh = () => {
    if (!this.#isStale || document.visibilityState !== "visible") return;
    this.#isStale = false;
    for (const part of document.querySelectorAll("body [data-live]")) htmx.trigger(part, "refresh");
  };
}

customElements.define("live-feed", LiveFeed);
