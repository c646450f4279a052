/**
 * Building the page. Text from outside becomes text, never markup.
 *
 * @module
 */

/** Returns the element with an id of `index.html`. @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/**
 * Returns a new element.
 * @param {string} tag the name, and classes: `p.note`
 * @param {Record<string, any>} properties of the DOM, such as `textContent` and `onclick`
 * @param {...any} children nodes and texts; what is null or false is left out
 */
export function element(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = Object.assign(document.createElement(name), properties);
  made.classList.add(...classes);
  made.append(...children.filter(Boolean));
  return made;
}

/**
 * Replaces the content of an element. The focus stays on the button or the choice with the same name.
 * @param {HTMLElement} parent
 * @param {...any} children
 */
export function replace(parent, ...children) {
  const nameOf = (control) => control.ariaLabel ?? control.textContent;
  const focused = parent.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  parent.replaceChildren(...children);
  if (focused === null) return;
  [...parent.querySelectorAll("button, select")].find((control) => nameOf(control) === focused)?.focus();
}

/**
 * Disables a button while something runs, so that a double click starts it once. Then the focus returns to it, unless
 * it was moved meanwhile.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<void>} run
 */
export async function disabledDuring(button, run) {
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  try {
    await run();
  } finally {
    button.disabled = false;
    if (hadFocus && document.activeElement === document.body) button.focus();
  }
}

/** Things of which only the newest counts: the start of one aborts what the one before still waits for. */
export class Newest {
  #controller = new AbortController();

  /** Starts another one. @returns {AbortSignal} */
  start() {
    this.#controller.abort();
    this.#controller = new AbortController();
    return this.signal;
  }

  /** Aborted as soon as the newest is another one. */
  get signal() {
    return this.#controller.signal;
  }
}

/** Returns a time of day, such as `14:05:09`. @param {string | number} time */
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

/** Returns a day, such as `Dec 29, 2026`. @param {string | Date} time */
export const day = (time) =>
  new Date(time).toLocaleDateString("en-US", { year: "numeric", month: "short", day: "numeric" });

/** Returns the time until then, such as `in 3 h 20 min`. @param {string | Date} time */
export function until(time) {
  const minutes = Math.ceil((new Date(time) - Date.now()) / 60_000);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days > 0) return days === 1 ? "in 1 day" : `in ${days} days`;
  return hours > 0 ? `in ${hours} h ${minutes % 60} min` : `in ${Math.max(minutes, 1)} min`;
}

/** Returns a window of a limit, such as `today` and `this month`. @param {string} per */
export const during = (per) => (per === "day" ? "today" : `this ${per.replaceAll("_", " ")}`);

/** Returns an amount of money. @param {number} amount in the smallest unit @param {string} currency */
export function money(amount, currency) {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}
