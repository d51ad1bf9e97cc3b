// @ts-check
/** The one entry: htmx with the CSRF token, small behaviours of the frame, and the islands. */
import htmx from "htmx";
import "portal/theme-toggle";
import "portal/hot-keys";
import "portal/data-grid";
import "portal/filter-bar";
import "portal/inline-cell";
import "portal/command-palette";
import "portal/live-feed";
import "portal/file-drop";
import "portal/check-in";
import "portal/copy-text";
import "portal/count-down";
import "portal/join-link";
import "portal/deal-board";
import { say } from "portal/words";

const TOAST_MS = 6000;

/* htmx 4 inherits attributes only where asked, so the token is put on each request itself. */
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
  const { request } = /** @type {CustomEvent} */ (event).detail.ctx;
  if (token && request.method !== "GET") request.headers["X-CSRF-Token"] = token;
});

/* The net is gone or the server is: what was typed stays, and the person is told. */
document.addEventListener("htmx:error", () => toast(say("failed"), "bad"));

/* A form that was refused begins where it is to be put right, not at its first field. */
function goToFault() {
  const faulty = document.querySelector("form [aria-invalid=true]");
  if (faulty instanceof HTMLElement) faulty.focus();
}

goToFault();
document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = /** @type {CustomEvent} */ (event).detail;
  if (ctx.response?.raw?.ok === false) goToFault();
});

/* What was sent is kept by the server now: close its dialog, empty its form. */
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = /** @type {CustomEvent} */ (event).detail;
  const form = ctx.sourceElement;
  if (!(form instanceof HTMLFormElement) || !ctx.response?.raw?.ok) return;
  const closes = form.dataset.closes;
  if (closes) /** @type {HTMLDialogElement} */ (document.getElementById(closes))?.close();
  if (closes || "resets" in form.dataset) form.reset();
});

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const opens = target.closest("[data-open]")?.getAttribute("data-open");
  if (opens) openDialog(opens);
  const closes = target.closest("[data-close]")?.getAttribute("data-close");
  if (closes) /** @type {HTMLDialogElement} */ (document.getElementById(closes))?.close();
  if (target instanceof HTMLDialogElement) target.close();
  target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove();
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(target) || target.closest("[data-open]")) menu.removeAttribute("open");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.removeAttribute("open");
  menu.querySelector("summary")?.focus();
});

/** @param {string} id */
export function openDialog(id) {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById(id));
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const input = dialog.querySelector("input[type=search]");
  if (input instanceof HTMLInputElement) input.select();
}

/** @param {string} message @param {"ok" | "bad" | "info"} meaning */
export function toast(message, meaning = "info") {
  const region = document.getElementById("toasts");
  const slip = document.createElement("div");
  slip.className = `toast ${meaning}`;
  slip.dataset.toast = "";
  slip.textContent = message;
  region?.append(slip);
}

/* Good news goes by itself; bad news stays until it is put away. */
const toasts = document.getElementById("toasts");
if (toasts) {
  const letGo = (/** @type {Element} */ slip) => {
    if (!slip.classList.contains("bad")) setTimeout(() => slip.remove(), TOAST_MS);
  };
  for (const slip of toasts.children) letGo(slip);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node instanceof Element) letGo(node);
    }
  }).observe(toasts, { childList: true });
}

/* A toast that the address asked for has been shown; loading the page again does not repeat it. */
const address = new URL(location.href);
if (address.searchParams.has("said")) {
  address.searchParams.delete("said");
  address.searchParams.delete("undo");
  history.replaceState(history.state, "", address);
}

/* The sidebar is longer than many screens. */
document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest" });

htmx.config.includeIndicatorCSS = false;
/* htmx starts in a timer of its own, made before this one. */
setTimeout(() => { document.documentElement.dataset.ready = ""; });
