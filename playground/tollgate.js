/**
 * A client for Tollgate in the browser: requests with a session token, refusals as objects, usage, and billing.
 *
 * Copy this file into your frontend. It has no dependencies. `app.js` uses all of it. Make one client for the whole page,
 * outside of your components: it knows whether the session token is still good.
 *
 *     const getToken = (options) => window.Clerk.session?.getToken(options);
 *     const tollgate = new Tollgate({ origin: "https://api.example.com", getToken });
 *     try {
 *       const response = await tollgate.fetch("/ask");
 *       showAnswer(await response.text());
 *     } catch (error) {
 *       if (!(error instanceof TollgateRefusal)) throw error;
 *       if (error.upgradeUrl) showUpgrade(error.upgradeUrl);
 *       if (error.waitUntil) showWait(error.waitUntil);
 *     }
 *
 * @module
 */

/**
 * A request that Tollgate refused, with what helps. The codes are listed in `docs/gate.md` and `docs/billing.md`.
 * All other failures are those of `fetch` and of Clerk: there was no response, or no token, or the request was aborted.
 */
export class TollgateRefusal extends Error {
  /**
   * @param {Response} response
   * @param {Record<string, any>} problem the body: problem details of RFC 9457
   */
  constructor(response, problem) {
    super(problem.detail);
    this.name = "TollgateRefusal";
    /** The HTTP status, such as 429. @type {number} */
    this.status = response.status;
    /** What was wrong, such as `quota_exceeded`. @type {string} */
    this.code = problem.code;
    /** The explanation in English, for developers. @type {string} */
    this.detail = problem.detail;
    /** All members of the body, such as `limit`, `max`, and `per` of `quota_exceeded`. */
    this.problem = problem;
    /** The lowest plan that includes the request, if an upgrade helps and one plan is known. @type {string | null} */
    this.requiredPlan = problem.required_plan ?? null;
    /** The page to upgrade on, if an upgrade helps. @type {string | null} */
    this.upgradeUrl = problem.upgrade_url ?? null;
    /** The page to complete a payment on, if that helps. @type {string | null} */
    this.paymentUrl = problem.url ?? null;
    const seconds = response.headers.get("retry-after");
    /** The time from which the same request can succeed, if waiting helps. @type {Date | null} */
    this.waitUntil = seconds === null ? null : new Date(Date.now() + Number(seconds) * 1000);
  }
}

/**
 * A plan for sale.
 * @typedef {object} Plan
 * @property {string} plan
 * @property {string[]} features
 * @property {Record<string, "unlimited" | {max: number, per: string}[]>} limits
 * @property {{interval: string, interval_count: number, amount: number | null, currency: string,
 *   trial_days?: number}[]} prices
 */

/**
 * What a customer has. `actions` are those that would succeed: show a button for each.
 * @typedef {object} Subscription
 * @property {string} plan
 * @property {string} status a status of Stripe's, or `none`
 * @property {("checkout" | "change" | "cancel" | "resume" | "portal")[]} actions
 * @property {string} [current_period_end]
 * @property {boolean} [cancel_at_period_end]
 * @property {string | null} [grace_until]
 * @property {{plan: string, at: string} | null} [pending]
 * @property {boolean} [synced] after an action: whether Clerk has the new plan already
 */

/**
 * What cancels a request: `signal`, of an `AbortController`. Abort when what waits for the response is gone.
 * @typedef {{signal?: AbortSignal}} Cancelable
 */

/**
 * What to buy, or to change to. `interval` is needed only if the plan has prices for several.
 * @typedef {{plan: string, interval?: string, quantity?: number}} Order
 */

export class Tollgate {
  #origin;
  #getToken;
  #billingPath;
  #usagePath;
  /** How often the plan may have changed, and how many of these changes the newest token includes. */
  #changes = 0;
  #changesInToken = 0;

  /**
   * @param {object} options
   * @param {(options?: {skipCache: boolean}) => Promise<string | null | undefined> | undefined} options.getToken
   *   Clerk's `session.getToken`
   * @param {string} [options.origin] the gateway; by default, that of the page
   * @param {string} [options.billingPath] `billing.path` of the configuration
   * @param {string} [options.usagePath] `plan_gate.usage_path` of the configuration
   */
  constructor({ getToken, origin = "", billingPath = "/billing", usagePath = "/usage" }) {
    this.#getToken = getToken;
    this.#origin = origin;
    this.#billingPath = billingPath;
    this.#usagePath = usagePath;
  }

  /**
   * Sends a request with a session token, as `fetch` does. If Tollgate refuses the token, because it has expired on the
   * way, it sends the request once more with a new one.
   * @param {string} path on the gateway
   * @param {RequestInit} [options] without a stream as its body
   * @returns {Promise<Response>}
   * @throws {TollgateRefusal} if Tollgate refuses it
   */
  async fetch(path, options = {}) {
    let response = await this.#send(path, options);
    let refusal = await refusalOf(response);
    if (refusal?.status === 401 && refusal.code !== "missing_token") {
      this.planMayHaveChanged();
      response = await this.#send(path, options);
      refusal = await refusalOf(response);
    }
    if (refusal) throw refusal;
    return response;
  }

  /** Makes the requests from now on use a new token, because the plan may have changed. */
  planMayHaveChanged() {
    this.#changes += 1;
  }

  /**
   * Returns the plan of the caller, and what is used of its limits.
   * @param {Cancelable} [options]
   * @returns {Promise<{plan: string, subject: string, features: string[], limits: Record<string, "unlimited" |
   *   {per: string, max: number, used: number, remaining: number, reset: string, over?: number}[]>}>}
   */
  usage(options) {
    return this.#json(this.#usagePath, options);
  }

  /** Returns what is for sale, lowest plan first. @param {Cancelable} [options] @returns {Promise<Plan[]>} */
  async plans(options) {
    return (await this.#json(`${this.#billingPath}/plans`, options)).plans;
  }

  /** Returns what the caller has. @param {Cancelable} [options] @returns {Promise<Subscription>} */
  subscription(options) {
    return this.#json(`${this.#billingPath}/subscription`, options);
  }

  /**
   * Returns the URL of Stripe's page to buy a plan. Called twice, by a double click, it opens one checkout.
   * @param {Order & Record<string, any>} order also `success_url`, `cancel_url`, and `locale`
   * @returns {Promise<string>}
   */
  async checkout(order) {
    return (await this.#post("checkout", order)).url;
  }

  /**
   * Returns the URL of Stripe's page to manage cards, addresses, and invoices.
   * @param {{flow?: "payment_method" | "cancel" | "change", return_url?: string}} [options]
   * @returns {Promise<string>}
   */
  async portal(options = {}) {
    return (await this.#post("portal", options)).url;
  }

  /**
   * Returns what a change would cost, and when it would take effect. Pass `proration_date` on to {@link change}.
   * @param {Order} order
   * @returns {Promise<{effective: "now" | "period_end", at: string, amount_due: number, currency: string,
   *   proration_date: number | null, lines: {description: string, amount: number}[]}>}
   */
  previewChange(order) {
    return this.#post("change/preview", order);
  }

  /**
   * Changes the plan, interval, or quantity.
   * @param {Order & {proration_date?: number | null}} order with the `proration_date` of its preview
   * @returns {Promise<Subscription>}
   */
  change({ proration_date, ...order }) {
    return this.#act("change", { ...order, proration_date: proration_date ?? undefined });
  }

  /**
   * Cancels at the end of the period, or now.
   * @param {{at?: "period_end" | "now", feedback?: string, comment?: string}} [options]
   * @returns {Promise<Subscription>}
   */
  cancel(options = {}) {
    return this.#act("cancel", options);
  }

  /** Undoes a cancellation or change that is pending. @returns {Promise<Subscription>} */
  resume() {
    return this.#act("resume", {});
  }

  /**
   * Returns invoices, newest first.
   * @param {{limit?: number, after?: string} & Cancelable} [options]
   * @returns {Promise<{invoices: {id: string, number: string, status: string, total: number, currency: string,
   *   created: string, hosted_url: string, pdf_url: string}[], has_more: boolean}>}
   */
  invoices({ signal, ...page } = {}) {
    const query = new URLSearchParams(Object.entries(page).map(([name, value]) => [name, String(value)]));
    return this.#json(`${this.#billingPath}/invoices?${query}`, { signal });
  }

  /**
   * Waits until Stripe's event has set a plan: call it when the browser returns from a checkout. What does not respond
   * meanwhile is asked again.
   * @param {string} plan
   * @param {{tries?: number} & Cancelable} [options] one try each second
   * @returns {Promise<boolean>} false if it still has another plan: it will come later
   */
  async untilPlan(plan, { tries = 20, signal } = {}) {
    for (let left = tries; left > 0; left--) {
      this.planMayHaveChanged();
      try {
        if ((await this.usage({ signal })).plan === plan) return true;
      } catch (error) {
        const isLasting = error instanceof TollgateRefusal && error.status < 500;
        if (isLasting || signal?.aborted || left === 1) throw error;
      }
      if (left > 1) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return false;
  }

  /** Returns a token that includes all changes so far. One that comes during the wait counts for the next token. */
  async #token() {
    const changes = this.#changes;
    const token = await this.#getToken({ skipCache: this.#changesInToken < changes });
    this.#changesInToken = Math.max(this.#changesInToken, changes);
    return token;
  }

  /** @param {string} path @param {RequestInit} options */
  async #send(path, options) {
    const token = await this.#token();
    const headers = new Headers(options.headers);
    if (token) headers.set("authorization", `Bearer ${token}`);
    return fetch(this.#origin + path, { ...options, headers });
  }

  /** @param {string} path @param {RequestInit} [options] */
  async #json(path, options) {
    const response = await this.fetch(path, options);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.json();
  }

  /** @param {string} endpoint @param {object} body */
  #post(endpoint, body) {
    const headers = { "content-type": "application/json" };
    return this.#json(`${this.#billingPath}/${endpoint}`, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** @param {string} endpoint @param {object} body */
  async #act(endpoint, body) {
    const subscription = await this.#post(endpoint, body);
    this.planMayHaveChanged();
    return subscription;
  }
}

/**
 * Returns the refusal in a response of Tollgate. A problem document without a `code` is one of your service.
 * @param {Response} response
 * @returns {Promise<TollgateRefusal | null>}
 */
async function refusalOf(response) {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return null;
  const problem = await response.clone().json().catch(() => null);
  return typeof problem?.code === "string" ? new TollgateRefusal(response, problem) : null;
}

/**
 * Returns what the RateLimit header fields of a response say of the limit that is nearest to its end.
 * @param {Response} response
 * @returns {{limit: string, max: number, remaining: number, resetsAt: Date} | null} null if nothing was counted
 */
export function rateLimit(response) {
  const state = /"([^"]*)";r=(\d+);t=(\d+)/.exec(response.headers.get("ratelimit") ?? "");
  const policy = /;q=(\d+)/.exec(response.headers.get("ratelimit-policy") ?? "");
  if (!state || !policy) return null;
  const [, limit, remaining, seconds] = state;
  const resetsAt = new Date(Date.now() + Number(seconds) * 1000);
  return { limit, max: Number(policy[1]), remaining: Number(remaining), resetsAt };
}
