/**
 * The product's page: sign in, ask, see what is used, buy and manage a plan. It is an example of a frontend: everything
 * that it asks of Tollgate is a call of `tollgate`.
 *
 * @module
 */

import { watch } from "./behind-the-scenes.js";
import { clerk } from "./clerk.js";
import { byId, day, disabledDuring, element, Newest, replace } from "./elements.js";
import { isReached, reached } from "./path.js";
import { refusalNote } from "./refusal-note.js";
import { rateLimit, Tollgate, TollgateRefusal } from "./tollgate.js";
import { changePreview, intervalChoice, invoiceEntry, meters, note, planCard, subscriptionView } from "./views.js";

const tollgate = new Tollgate({ getToken: (options) => clerk.getToken(options) });

/** What the page shows: the plans for sale, and the usage and the subscription of who is signed in. */
let plans = [];
let usage = null;
let subscription = null;

/** Whoever is signed in, their answer, and their usage and plan: a newer one ends what was asked for an older one. */
const [visits, answers, views] = [new Newest(), new Newest(), new Newest()];

// Ask.

async function ask(answer, signal) {
  const body = JSON.stringify({ question: byId("question").value });
  const headers = { "content-type": "application/json" };
  const response = await tollgate.fetch("/ask", { method: "POST", headers, body, signal });
  if (!response.ok) throw new Error(`The product responded with ${response.status}.`);
  await showUsed(rateLimit(response), signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) answer.append(part.value);
  if (isReached("paid")) reached("ask");
}

async function openReports(answer, signal) {
  const response = await tollgate.fetch("/reports", { signal });
  answer.append(`Your reports: ${(await response.json()).reports.join(", ")}`);
}

/** Lets `write` fill the answer, or shows why it was refused. */
async function answerWith(write) {
  const [region, signal, answer] = [byId("answer"), answers.start(), element("p.answer")];
  region.replaceChildren(answer);
  region.ariaBusy = "true";
  try {
    await write(answer, signal);
    // What failed before may succeed now.
    if (byId("plan-status").querySelector(".refusal")) act(show);
  } catch (error) {
    if (signal.aborted) return;
    if (answer.textContent === "") answer.remove();
    region.append(refusalNote(error));
    if (error.code === "quota_exceeded") reached("refused");
  } finally {
    if (!signal.aborted) region.ariaBusy = "false";
  }
}

function clearAnswer() {
  answers.start();
  byId("answer").replaceChildren();
  byId("answer").ariaBusy = "false";
}

// Usage.

/** Shows what the header fields of a response say, without another request if that is all. */
async function showUsed(limit, signal) {
  if (!limit) return;
  const [window, ...others] = usage?.limits[limit.limit] ?? [];
  if (window?.max !== limit.max || others.length > 0) return showUsage(signal);
  window.used = limit.max - limit.remaining;
  renderUsage();
}

async function showUsage(signal) {
  usage = clerk.person && (await tollgate.usage({ signal }));
  renderUsage();
}

function renderUsage() {
  byId("usage").replaceChildren(...(usage ? meters(usage) : [unknown("Sign in to see what you have used.")]));
}

const unknown = (signIn) => note(clerk.person ? "Not known yet." : signIn);

// Plan.

async function showPlan(signal) {
  if (plans.length === 0) plans = await tollgate.plans({ signal });
  let refusal = null;
  try {
    subscription = clerk.person && (await tollgate.subscription({ signal }));
  } catch (error) {
    if (!(error instanceof TollgateRefusal)) throw error;
    [subscription, refusal] = [null, error];
  }
  if (subscription?.cancel_at_period_end) reached("cancel");
  renderPlan(refusal);
}

function renderPlan(refusal) {
  replace(byId("subscription"), ...subscriptionNotes(refusal));
  replace(byId("plans"), ...plans.map(planForSale));
  byId("preview").replaceChildren();
  byId("invoices").open = false;
  byId("invoices").hidden = !subscription?.actions.includes("portal");
}

function subscriptionNotes(refusal) {
  if (refusal?.code === "not_allowed_for_organization") {
    return [note("Only an admin of the organization manages its plan. Here, that is Ada.")];
  }
  if (refusal) return [refusalNote(refusal)];
  if (!subscription) return [unknown("Sign in to see your plan.")];
  const button = (action, text, does) => subscription.actions.includes(action) && actionButton("button", text, does);
  return subscriptionView(subscription,
    button("resume", "Resume plan", resume),
    button("cancel", "Cancel plan", cancel),
    button("portal", "Open the portal", openPortal));
}

function planForSale(sold, rank) {
  const { plan, prices } = sold;
  const current = plans.findIndex((other) => other.plan === subscription?.plan);
  const choice = intervalChoice(sold);
  if (rank === current) {
    const card = planCard(sold, choice, note("Your plan"));
    card.classList.add("mine");
    return card;
  }
  const action = subscription?.actions.find((name) => name === "checkout" || name === "change");
  const buy = () => {
    reached("upgrade");
    const order = choice ? { plan, interval: choice.value } : { plan };
    return action === "checkout" ? checkout(order) : preview(order);
  };
  const text = `${rank > current ? "Upgrade" : "Change"} to ${plan}`;
  return planCard(sold, choice, action && prices.length > 0 && actionButton("button.primary", text, buy));
}

// What the buttons of the plan do.

async function checkout(order) {
  sessionStorage.setItem("ordered", order.plan);
  location.assign(await tollgate.checkout(order));
}

async function openPortal() {
  location.assign(await tollgate.portal());
}

async function preview(order) {
  const costs = await tollgate.previewChange(order);
  const confirm = async () => {
    const { pending } = await tollgate.change({ ...order, proration_date: costs.proration_date });
    await show();
    return pending ? `You change to ${pending.plan} on ${day(pending.at)}.` : `You have changed to ${order.plan}.`;
  };
  const keep = async () => {
    byId("preview").replaceChildren();
    return "You keep your plan.";
  };
  const shown = changePreview(order.plan, costs,
    actionButton("button.primary", "Confirm the change", confirm),
    actionButton("button", "Keep my plan", keep));
  byId("preview").replaceChildren(shown);
  shown.focus();
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

async function showInvoices(signal) {
  const { invoices } = await tollgate.invoices({ limit: 5, signal });
  byId("invoice-list").replaceChildren(...invoices.map(invoiceEntry));
}

/** Shows the plan that was bought, when the browser returns from Stripe. */
async function showPaid(plan, signal) {
  history.replaceState(null, "", "/");
  byId("plan-status").replaceChildren("You have paid. Stripe now sends its event to the gateway…");
  const isSet = await tollgate.untilPlan(plan, { signal });
  await show();
  return isSet ? `You are on ${plan} now.` : "Your plan will change in a moment.";
}

/** Returns a button that does something, once at a time. */
const actionButton = (kind, textContent, does) =>
  element(kind, { textContent, onclick: ({ currentTarget }) => disabledDuring(currentTarget, () => act(does)) });

/** Does something for who is signed in, and shows the outcome: a text, or a refusal. */
async function act(does) {
  const [status, signal] = [byId("plan-status"), visits.signal];
  try {
    const outcome = await does(signal);
    if (signal.aborted) return;
    status.replaceChildren(...[outcome].filter(Boolean));
    if (byId("answer").querySelector(".refusal")) clearAnswer();
  } catch (error) {
    if (signal.aborted) return;
    showFailure(error);
  }
  // The button that was pressed may be gone.
  if (document.activeElement === document.body && status.hasChildNodes()) status.focus();
}

function showFailure(error) {
  byId("plan-status").replaceChildren(refusalNote(error));
}

// The page.

/** The newest call of `show`. */
let shown = Promise.resolve();

/** Shows the usage and the plan of who is signed in. */
function show() {
  shown = showWith(views.start());
  return shown;
}

async function showWith(signal) {
  try {
    await Promise.all([showUsage(signal), showPlan(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
    await shown;
  }
}

async function showPeople() {
  for (const person of await clerk.people()) {
    const button = element("button", { textContent: `Sign in as ${person.name}`, onclick: () => signIn(person) });
    byId("people").append(button);
  }
  showWho();
}

function signIn(person) {
  visits.start();
  clerk.person = person;
  [usage, subscription] = [null, null];
  reached("sign-in");
  showWho();
  clearAnswer();
  renderUsage();
  renderPlan();
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
  disabledDuring(byId("ask-button"), () => answerWith(ask));
});
byId("reports").addEventListener("click", ({ currentTarget }) =>
  disabledDuring(currentTarget, () => answerWith(openReports)));
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
await act(async (signal) => {
  await showPeople();
  if (!new URLSearchParams(location.search).has("paid")) return show();
  reached("paid");
  byId("plan-status").scrollIntoView({ block: "center" });
  return showPaid(sessionStorage.getItem("ordered"), signal);
});
