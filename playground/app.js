/**
 * The product's page: sign in, ask, see what is used, buy and manage a plan. It is an example of a frontend: everything
 * that it asks of Tollgate is a call of `tollgate`.
 *
 * @module
 */

import { watch } from "./behind-the-scenes.js";
import { clerk } from "./clerk.js";
import { byId, day, during, element, money, replace, until } from "./elements.js";
import { isReached, reached } from "./path.js";
import { refusalNote } from "./refusal-note.js";
import { rateLimit, Tollgate, TollgateRefusal } from "./tollgate.js";

const tollgate = new Tollgate({ getToken: (options) => clerk.getToken(options) });

/** What the page shows: the plans for sale, and the usage and the subscription of who is signed in. */
let plans = [];
let usage = null;
let subscription = null;

// Ask.

async function ask(answer) {
  const body = JSON.stringify({ question: byId("question").value });
  const headers = { "content-type": "application/json" };
  const response = await tollgate.fetch("/ask", { method: "POST", headers, body });
  if (!response.ok) throw new Error(`The product responded with ${response.status}.`);
  await showUsed(rateLimit(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) answer.append(part.value);
  if (isReached("paid")) reached("ask");
}

async function openReports(answer) {
  const response = await tollgate.fetch("/reports");
  answer.append(`Your reports: ${(await response.json()).reports.join(", ")}`);
}

/** Lets `write` fill the answer, or shows why it was refused. */
async function answerWith(write) {
  const [region, button, answer] = [byId("answer"), byId("ask-button"), element("p.answer")];
  const hadFocus = document.activeElement === button;
  region.replaceChildren(answer);
  region.ariaBusy = "true";
  button.disabled = true;
  try {
    await write(answer);
  } catch (error) {
    region.replaceChildren(refusalNote(error));
    if (error.code === "quota_exceeded") reached("refused");
  } finally {
    region.ariaBusy = "false";
    button.disabled = false;
    if (hadFocus) button.focus();
  }
}

// Usage.

/** Shows what the header fields of a response say, without another request if that is all. */
async function showUsed(limit) {
  if (!limit) return;
  const [window, ...others] = usage?.limits[limit.limit] ?? [];
  if (window?.max !== limit.max || others.length > 0) return showUsage();
  window.used = limit.max - limit.remaining;
  renderUsage();
}

async function showUsage() {
  usage = clerk.person && (await tollgate.usage());
  renderUsage();
}

function renderUsage() {
  const limits = Object.entries(usage?.limits ?? {});
  const meters = limits.flatMap(([limit, windows]) => {
    if (windows === "unlimited") return element("p", { textContent: `${limit}: unlimited` });
    return windows.map((window) => meter(limit, window));
  });
  const signIn = element("p.note", { textContent: "Sign in to see what you have used." });
  byId("usage").replaceChildren(...(usage ? meters : [signIn]));
}

function meter(limit, { per, max, used, reset }) {
  const filled = element("div");
  filled.style.inlineSize = `${Math.min(100, (100 * used) / Math.max(max, 1))}%`;
  const name = `${limit} used ${during(per)}`;
  const start = per === "month" ? `with the calendar month, on ${day(reset)}` : until(reset);
  const values = { ariaValueMin: "0", ariaValueMax: String(max), ariaValueNow: String(used) };
  return element("div", {},
    element("p", {}, element("strong", { textContent: `${used} of ${max}` }), ` ${name}`),
    element(used < max ? "div.bar" : "div.bar.full", { role: "meter", ariaLabel: name, ...values }, filled),
    element("p.note", { textContent: `Starts again ${start}.` }));
}

// Plan.

async function showPlan() {
  if (plans.length === 0) plans = await tollgate.plans();
  subscription = null;
  let note = [element("p.note", { textContent: "Sign in to see your plan." })];
  try {
    subscription = clerk.person && (await tollgate.subscription());
    if (subscription) note = subscriptionNote(subscription);
  } catch (error) {
    if (!(error instanceof TollgateRefusal)) throw error;
    note = [error.code === "not_allowed_for_organization" ? memberNote() : refusalNote(error)];
  }
  if (subscription?.cancel_at_period_end) reached("cancel");
  replace(byId("subscription"), ...note);
  replace(byId("plans"), ...plans.map(planCard));
  byId("preview").replaceChildren();
  byId("invoices").open = false;
  byId("invoices").hidden = !subscription?.actions.includes("portal");
}

const memberNote = () =>
  element("p.note", { textContent: "Only an admin of the organization manages its plan. Here, that is Ada." });

function subscriptionNote({ plan, status, pending, current_period_end, grace_until, actions }) {
  let next = "Nothing is bought yet.";
  if (current_period_end) next = `Renews on ${day(current_period_end)}.`;
  if (pending) next = `Until ${day(pending.at)}, then ${pending.plan}.`;
  if (grace_until) next = `The payment failed. You keep the plan until ${day(grace_until)}.`;
  const button = (action, textContent, does) =>
    actions.includes(action) && element("button", { textContent, onclick: () => act(does) });
  return [
    element("p.current", {}, element("strong", { textContent: plan }),
      status !== "none" && element("span.pill", { textContent: status })),
    element("p", { textContent: next }),
    element("div.buttons", {},
      button("resume", "Resume plan", resume),
      button("cancel", "Cancel plan", cancel),
      button("portal", "Open the portal", openPortal)),
  ];
}

function planCard({ plan, prices, limits, features }, rank) {
  const current = plans.findIndex((other) => other.plan === subscription?.plan);
  const verb = rank > current ? "Upgrade" : "Change";
  const choice = prices.length > 1 && element("select", { ariaLabel: `Interval of ${plan}` },
    ...prices.map((price) => element("option", { value: price.interval, textContent: priceText(price) })));
  const order = () => (choice ? { plan, interval: choice.value } : { plan });
  const action = subscription?.actions.find((name) => name === "checkout" || name === "change");
  const buy = () => {
    reached("upgrade");
    act(() => (action === "checkout" ? checkout(order()) : preview(order())));
  };
  const included = Object.entries(limits).flatMap(limitTexts);
  included.push(...features.map((feature) => feature.replaceAll("_", " ")));
  const isOffered = action && rank !== current && prices.length > 0;
  return element(rank === current ? "article.plan.mine" : "article.plan", { ariaLabel: plan },
    element("h4", { textContent: plan }),
    choice || element("p.price", { textContent: prices.length > 0 ? priceText(prices[0]) : "No charge" }),
    element("ul", {}, ...included.map((textContent) => element("li", { textContent }))),
    isOffered && element("button.primary", { textContent: `${verb} to ${plan}`, onclick: buy }),
    rank === current && element("p.note", { textContent: "Your plan" }));
}

const priceText = ({ amount, currency, interval }) =>
  `${amount === null ? "By use" : money(amount, currency)} a ${interval}`;

const limitTexts = ([limit, windows]) =>
  windows === "unlimited" ? [`Unlimited ${limit}`] : windows.map(({ max, per }) => `${max} ${limit} a ${per}`);

// What the buttons of the plan do.

async function checkout(order) {
  sessionStorage.setItem("ordered", order.plan);
  location.assign(await tollgate.checkout(order));
}

async function openPortal() {
  location.assign(await tollgate.portal());
}

async function preview(order) {
  const { effective, at, amount_due, currency, proration_date, lines } = await tollgate.previewChange(order);
  const confirm = async () => {
    const { pending } = await tollgate.change({ ...order, proration_date });
    await show();
    return pending ? `You change to ${pending.plan} on ${day(pending.at)}.` : `You have changed to ${order.plan}.`;
  };
  const when = effective === "now" ? `Pay ${money(amount_due, currency)} now` : `From ${day(at)}`;
  const entry = ({ description, amount }) =>
    element("li", { textContent: `${description}: ${money(amount, currency)}` });
  byId("preview").replaceChildren(element("div.preview", {},
    element("p", {}, element("strong", { textContent: when }), ` for ${order.plan}`),
    element("ul", {}, ...lines.map(entry)),
    element("div.buttons", {},
      element("button.primary", { textContent: "Confirm the change", onclick: () => act(confirm) }),
      element("button", { textContent: "Keep my plan", onclick: () => byId("preview").replaceChildren() }))));
}

async function cancel() {
  const { pending } = await tollgate.cancel();
  await show();
  return `You keep the plan until ${day(pending.at)}.`;
}

async function resume() {
  await tollgate.resume();
  await show();
  return "You keep the plan.";
}

/** Does what a button says, and shows the outcome: a text, or a refusal. */
async function act(action) {
  try {
    byId("plan-status").replaceChildren(...[await action()].filter(Boolean));
  } catch (error) {
    showFailure(error);
  }
  // The button that was pressed may be gone.
  const status = byId("plan-status");
  if (document.activeElement === document.body && status.hasChildNodes()) status.focus();
}

function showFailure(error) {
  byId("plan-status").replaceChildren(refusalNote(error));
}

async function showInvoices() {
  const { invoices } = await tollgate.invoices({ limit: 5 });
  const entry = ({ number, created, total, currency, status, hosted_url }) =>
    element("li", {}, element("a", { href: hosted_url, textContent: number ?? "Draft" }),
      ` ${day(created)}, ${money(total, currency)}, ${status}`);
  byId("invoice-list").replaceChildren(...invoices.map(entry));
}

/** Shows the plan that was bought, when the browser returns from Stripe. */
async function showPaid(plan) {
  history.replaceState(null, "", "/");
  byId("plan-status").replaceChildren("You have paid. Stripe now sends its event to the gateway…");
  const isSet = await tollgate.untilPlan(plan);
  await show();
  return isSet ? `You are on ${plan} now.` : "Your plan will change in a moment.";
}

// The page.

/** Shows everything of who is signed in. */
async function show() {
  await Promise.all([showUsage(), showPlan()]);
}

async function showPeople() {
  for (const person of await clerk.people()) {
    const button = element("button", { textContent: `Sign in as ${person.name}`, onclick: () => signIn(person) });
    byId("people").append(button);
  }
  showWho();
}

function signIn(person) {
  clerk.person = person;
  reached("sign-in");
  showWho();
  byId("answer").replaceChildren();
  act(show);
}

function showWho() {
  const name = clerk.person?.name;
  byId("who").textContent = name ? `signed in as ${name}` : "not signed in";
  for (const button of byId("people").children) {
    button.ariaPressed = String(button.textContent === `Sign in as ${name}`);
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  answerWith(ask);
});
byId("reports").addEventListener("click", () => answerWith(openReports));
byId("invoices").addEventListener("toggle", (event) => event.target.open && act(showInvoices));

reached();
watch({
  /** The plan of whoever is signed in may have changed without this page, for example in Stripe's portal. */
  onRecord(subject) {
    if (subject !== (clerk.person?.organization ?? clerk.person?.user)) return;
    tollgate.planMayHaveChanged();
    show().catch(showFailure);
  },
  onAction: (action) => action === "forge" && reached("forge"),
});
await act(async () => {
  await showPeople();
  if (!new URLSearchParams(location.search).has("paid")) return show();
  reached("paid");
  byId("plan-status").scrollIntoView({ block: "center" });
  return showPaid(sessionStorage.getItem("ordered"));
});
