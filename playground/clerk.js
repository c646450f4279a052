/**
 * A stand-in for Clerk's script in a page: who is signed in, and session tokens.
 * A real page has `window.Clerk` instead (https://clerk.com/docs/reference/javascript/clerk).
 *
 * @module
 */

/** @typedef {{user: string, name: string, organization: string | null}} Person */

const SIGNED_IN = "signed-in";
/** Clerk's script keeps a token, which is valid for a minute, for about so long. */
const CACHED_MS = 50_000;

/** A token of the person who is signed in. Another person gets another object, so that no token comes too late. */
let cached = { token: "", until: 0 };

export const clerk = {
  /** Returns those who can sign in. @returns {Promise<Person[]>} */
  async people() {
    return (await (await fetch("/playground/api/people")).json()).people;
  },

  /** The person who is signed in in this tab, or null. @returns {Person | null} */
  get person() {
    return JSON.parse(sessionStorage.getItem(SIGNED_IN));
  },

  set person(person) {
    sessionStorage.setItem(SIGNED_IN, JSON.stringify(person));
    cached = { token: "", until: 0 };
  },

  /** Returns a session token with the plan that Clerk has now, or had up to a minute ago. */
  async getToken({ skipCache } = {}) {
    if (!clerk.person) return null;
    const cache = cached;
    if (!skipCache && Date.now() < cache.until) return cache.token;
    const { user, organization } = clerk.person;
    const body = JSON.stringify({ user, organization });
    const headers = { "content-type": "application/json" };
    const response = await fetch("/playground/api/token", { method: "POST", headers, body });
    if (!response.ok) throw new Error("Clerk does not respond. Please try again in a moment.");
    cache.token = (await response.json()).token;
    cache.until = Date.now() + CACHED_MS;
    return cache.token;
  },
};
