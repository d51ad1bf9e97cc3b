/** The few functions of htmx 4 that the pages' scripts call. */
interface Htmx {
  config: { includeIndicatorCSS: boolean };
  process(element: Element): void;
  trigger(element: Element, event: string): void;
}
declare const htmx: Htmx;
export default htmx;
