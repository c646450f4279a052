/**
 * What the product's page shows of a usage, a subscription, and the plans. It asks nothing, and does nothing.
 *
 * @module
 */

import { day, during, element, money, until } from "./elements.js";

/** Returns a note instead of what is not known. */
export const note = (textContent) => element("p.note", { textContent });

/** Returns how much of each limit is used. */
export function meters({ limits }) {
  return Object.entries(limits).flatMap(([limit, windows]) => {
    if (windows === "unlimited") return element("p", { textContent: `${limit}: unlimited` });
    return windows.map((window) => meter(limit, window));
  });
}

function meter(limit, { per, max, used, reset }) {
  const filled = element("div");
  filled.style.inlineSize = `${Math.min(100, (100 * used) / Math.max(max, 1))}%`;
  const name = `${limit} used ${during(per)}`;
  const start = per === "month" ? `with the calendar month, on ${day(reset)}` : until(reset);
  const values = { ariaValueMin: "0", ariaValueMax: String(max), ariaValueNow: String(used) };
  return element("div", {},
    element("p", {}, element("strong", { textContent: `${used} of ${max}` }), ` ${name}`),
    element(used < max ? "div.bar" : "div.bar.full",
      { role: "meter", ariaLabel: name, ariaValueText: `${used} of ${max}`, ...values }, filled),
    note(`Starts again ${start}.`));
}

/** Returns the plan of a subscription, what comes next, and buttons. */
export function subscriptionView({ plan, status, pending, current_period_end, grace_until }, ...buttons) {
  let next = "Nothing is bought yet.";
  if (current_period_end) next = `Renews on ${day(current_period_end)}.`;
  if (pending) next = `Until ${day(pending.at)}, then ${pending.plan}.`;
  if (grace_until) next = `The payment failed. You keep the plan until ${day(grace_until)}.`;
  return [
    element("p.current", {}, element("strong", { textContent: plan }),
      status !== "none" && element("span.pill", { textContent: status })),
    element("p", { textContent: next }),
    element("div.buttons", {}, ...buttons),
  ];
}

/**
 * Returns a plan for sale.
 * @param {import("./tollgate.js").Plan} plan
 * @param {HTMLElement | false} choice of the price, if there are several
 * @param {Node | false} end a button, or a text
 */
export function planCard({ plan, prices, limits, features }, choice, end) {
  const included = Object.entries(limits).flatMap(limitTexts);
  included.push(...features.map((feature) => feature.replaceAll("_", " ")));
  return element("article.plan", { ariaLabel: plan },
    element("h4", { textContent: plan }),
    choice || element("p.price", { textContent: prices.length > 0 ? priceText(prices[0]) : "No charge" }),
    element("ul", {}, ...included.map((textContent) => element("li", { textContent }))),
    end);
}

/** Returns a choice of the interval, if a plan has several. */
export function intervalChoice({ plan, prices }) {
  const option = (price) => element("option", { value: price.interval, textContent: priceText(price) });
  return prices.length > 1 && element("select", { ariaLabel: `Interval of ${plan}` }, ...prices.map(option));
}

const priceText = ({ amount, currency, interval }) =>
  `${amount === null ? "By use" : money(amount, currency)} a ${interval}`;

const limitTexts = ([limit, windows]) =>
  windows === "unlimited" ? [`Unlimited ${limit}`] : windows.map(({ max, per }) => `${max} ${limit} a ${per}`);

/** Returns what a change of the plan costs, and buttons. */
export function changePreview(plan, { effective, at, amount_due, currency, lines }, ...buttons) {
  const when = effective === "now" ? `Pay ${money(amount_due, currency)} now` : `From ${day(at)}`;
  const line = ({ description, amount }) =>
    element("li", { textContent: `${description}: ${money(amount, currency)}` });
  return element("section.preview", { ariaLabel: `Change to ${plan}`, tabIndex: -1 },
    element("p", {}, element("strong", { textContent: when }), ` for ${plan}`),
    element("ul", {}, ...lines.map(line)),
    element("div.buttons", {}, ...buttons));
}

export const invoiceEntry = ({ number, created, total, currency, status, hosted_url }) =>
  element("li", {}, element("a", { href: hosted_url, textContent: number ?? "Draft" }),
    ` ${day(created)}, ${money(total, currency)}, ${status}`);
