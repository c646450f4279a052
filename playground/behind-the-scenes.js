/**
 * What Envoy, Stripe, and Clerk do, live, and buttons that make things go wrong. Only the playground has this: it is no
 * part of Tollgate.
 *
 * @module
 */

import { byId, clock, disabledDuring, element } from "./elements.js";

/** How many entries a list shows. */
const SHOWN_MAX = 100;

/** The requests behind the buttons. `event` is the id of an event of Stripe. */
const ACTIONS = {
  again: (event) => `deliveries/${event}/again`,
  late: (event) => `deliveries/${event}/late`,
  "out-of-order": () => "deliveries/out-of-order",
  forge: () => "deliveries/forge",
  "clerk-down": () => "clerk/down",
  crash: () => "worker/crash",
};

/** A list of the page with its newest entry first. A new entry replaces the one with the same key. */
class EntryList {
  #list;
  #toEntry;
  #entries = new Map();

  constructor(id, toEntry) {
    this.#list = byId(id);
    this.#toEntry = toEntry;
  }

  /** Shows an entry. Returns whether it replaces one. */
  put(key, data) {
    const entry = element("li", {}, ...this.#toEntry(data));
    const replaced = this.#entries.get(key);
    this.#entries.set(key, entry);
    if (replaced) replaced.replaceWith(entry);
    else this.#list.prepend(entry);
    if (this.#entries.size > SHOWN_MAX) {
      const [oldest] = this.#entries.keys();
      this.#entries.get(oldest).remove();
      this.#entries.delete(oldest);
    }
    return replaced !== undefined;
  }

  clear() {
    this.#entries.clear();
    this.#list.replaceChildren();
  }
}

/**
 * Shows the events of the playground's server, and lets the buttons work.
 * @param {{onRecord: (subject: string) => void, onAction: (action: string) => void}} callbacks
 *   `onRecord`: a record at Clerk has changed; `onAction`: a button was pressed
 */
export function watch({ onRecord, onAction }) {
  const requests = new EntryList("requests", requestEntry);
  const deliveries = new EntryList("deliveries", deliveryEntry);
  const records = new EntryList("records", recordEntry);
  const audit = new EntryList("audit", auditEntry);
  const known = new Map();
  const showRecord = (record) => {
    records.put(record.subject, record);
    const [before, now] = [known.get(record.subject), JSON.stringify(record)];
    known.set(record.subject, now);
    // Also if it has changed while the page was not connected.
    if (before && before !== now) onRecord(record.subject);
  };
  const shown = {
    request: (request) => requests.put(request.id, request),
    audit: (line) => audit.put(Symbol("one of its own"), line),
    delivery: (delivery) => deliveries.put(delivery.id, delivery) || offerEvent(delivery),
    clerk: showRecord,
    counters: ({ values }) => showCounters(values),
    faults: ({ clerk_down_until }) => showClerkState(clerk_down_until),
  };
  const source = new EventSource("/playground/api/events");
  source.onopen = () => {
    byId("connection").textContent = "live";
    // After a reconnection the server sends everything again.
    for (const list of [requests, deliveries, records, audit]) list.clear();
    byId("event").replaceChildren(element("option", { value: "", textContent: "none yet" }));
  };
  source.onerror = () => {
    byId("connection").textContent =
      "the connection is lost. If you have ended the playground, start it again, and open its new URL.";
  };
  for (const [kind, show] of Object.entries(shown)) {
    source.addEventListener(kind, (event) => show(JSON.parse(event.data)));
  }
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", async () => {
      await press(button);
      onAction(button.dataset.action);
    });
  }
}

/** Sends the request of a button, and shows beside it how the gateway responded. */
async function press(button) {
  const output = button.parentElement.querySelector("output");
  const event = byId("event").value;
  if (button.dataset.event === "needed" && event === "") {
    output.textContent = "There is no event yet: buy a plan first.";
    return;
  }
  output.textContent = "";
  await disabledDuring(button, async () => {
    try {
      const path = ACTIONS[button.dataset.action](event);
      const response = await fetch(`/playground/api/${path}`, { method: "POST" });
      output.append(...outcome(await response.json()));
    } catch {
      output.textContent = "The playground does not respond. Is it still running?";
    }
  });
}

/** Returns what a button has caused: nodes and texts. */
function outcome({ error, deliveries, changed, status, asks_before, asks_after }) {
  if (error) return [`${error}.`];
  if (deliveries) {
    const entry = ({ type, status, body }) =>
      element("span.line", {}, pill(status), ` ${body?.code ?? body?.status ?? ""} · ${type}`);
    const change = changed.length > 0 ? `This has changed ${changed.join(", ")}.` : "Nothing has changed at Clerk.";
    return [...deliveries.map(entry), change];
  }
  if (asks_before === undefined) return [];
  const count = asks_after < asks_before ? "but usage is lost" : "and the count has survived";
  const text = ` That request failed, Envoy has replaced the VM that crashed, ${count}: ` +
    `${asks_before} asks before, ${asks_after} after.`;
  return [pill(status), text];
}

/** Lets the user choose a new event of Stripe. A forged one is not Stripe's. */
function offerEvent({ id, type, attempts }) {
  if (attempts.some(({ note }) => note === "forged")) return;
  const select = byId("event");
  select.querySelector('[value=""]')?.remove();
  select.prepend(element("option", { value: id, textContent: `${type} (${id})` }));
  select.selectedIndex = 0;
}

function requestEntry({ time, method, path, status, code, rule, plan, subject, decision, duration_ms }) {
  const facts = [decision, code, subject, plan && `plan ${plan}`, rule && `rule ${rule}`].filter(Boolean);
  return [
    element("p", {}, pill(status), element("code", { textContent: `${method} ${path}` }), aside(`${duration_ms} ms`)),
    element("p.note", {}, facts.join(" · "), aside(clock(time))),
  ];
}

function deliveryEntry({ id, type, attempts }) {
  const attempt = ({ time, status, outcome, note }) =>
    element("li", {}, pill(status), [outcome, note].filter(Boolean).join(" · "), aside(clock(time)));
  return [
    element("p", {}, element("code", { textContent: type }), aside(id)),
    element("ol", {}, ...attempts.map(attempt)),
  ];
}

function recordEntry({ subject, public_metadata }) {
  return [
    element("p", {}, element("code", { textContent: subject }), aside(public_metadata?.plan ?? "no plan yet")),
    element("pre", { textContent: JSON.stringify(public_metadata) }),
  ];
}

function auditEntry({ time, ...line }) {
  const change = line.new_plan ? `${line.old_plan ?? "no plan"} → ${line.new_plan}` : (line.plan ?? "");
  const action = element("strong", { textContent: line.audit });
  return [
    element("p", {}, action, `${line.subject ?? ""} ${change}`, aside(clock(time))),
    element("pre", { textContent: JSON.stringify(line) }),
  ];
}

function showCounters(values) {
  const rows = Object.entries(values).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })));
  byId("counters").replaceChildren(...rows);
}

function showClerkState(downUntil) {
  const state = byId("clerk-state");
  const wasDown = state.textContent !== "";
  state.textContent = wasDown ? "Clerk is back." : "";
  if (downUntil) state.textContent = `Clerk is down until ${clock(downUntil)}.`;
}

/** Returns a text for the end of a line. */
const aside = (textContent) => element("span.aside", { textContent });

/** Returns a status code with the color of its kind. */
function pill(status) {
  const kind = status >= 200 && status < 400 ? "good" : "bad";
  return element(`span.pill.${kind}`, { textContent: status ?? "no response" });
}
