// @ts-check
/**
 * Whoever checks in tells where that is: the browser asks the person, and the form takes the
 * position along. Who does not allow it, or has none, checks in without.
 */

const WAIT_MS = 10_000;
const MICRO = 1_000_000;
const ACCURACY_MAX_M = 100_000;
const FIX_AGE_MAX_S = 7 * 24 * 3600;

class CheckIn extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    if (!form || !navigator.geolocation) return;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.querySelector("[data-looking]")?.removeAttribute("hidden");
      this.querySelector("[type=submit]")?.setAttribute("disabled", "");
      navigator.geolocation.getCurrentPosition(
        (position) => this.#send(form, position),
        () => form.submit(),
        { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: 0 },
      );
    });
  }

  /**
   * @param {HTMLFormElement} form
   * @param {GeolocationPosition} position
   */
  #send(form, position) {
    const { latitude, longitude, accuracy } = position.coords;
    const age = Math.round((Date.now() - position.timestamp) / 1000);
    const told = {
      lat: Math.round(latitude * MICRO),
      lng: Math.round(longitude * MICRO),
      accuracy_m: Math.min(ACCURACY_MAX_M, Math.round(accuracy)),
      fix_age_s: Math.min(FIX_AGE_MAX_S, Math.max(0, age)),
    };
    for (const [name, value] of Object.entries(told)) {
      const field = form.elements.namedItem(name);
      if (field instanceof HTMLInputElement) field.value = String(value);
    }
    form.submit();
  }
}

customElements.define("check-in", CheckIn);
