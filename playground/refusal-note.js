/**
 * A refusal as a user should see it.
 *
 * @module
 */

import { during, element, until } from "./elements.js";
import { TollgateRefusal } from "./tollgate.js";

/** Returns what happened, and the way out. @param {TollgateRefusal | Error} error */
export function refusalNote(error) {
  if (!(error instanceof TollgateRefusal)) return element("div.refusal", { textContent: failureText(error) });
  const { code, status, waitUntil, upgradeUrl, paymentUrl } = error;
  const orUpgrade = upgradeUrl ? ", or now with a higher plan" : "";
  return element("div.refusal", {},
    element("p", {}, element("strong", { textContent: refusalTitle(error) })),
    waitUntil && element("p", { textContent: `You can go on ${until(waitUntil)}${orUpgrade}.` }),
    upgradeUrl && element("a", { href: upgradeUrl, textContent: "See the plans" }),
    paymentUrl && element("a", { href: paymentUrl, textContent: "Complete the payment" }),
    element("p.note", {}, "The gateway responded ", element("code", { textContent: `${status} ${code}` }),
      " itself. Your server never saw the request."));
}

/** `fetch` and the body of a response fail with a TypeError when the connection does. */
const failureText = (error) =>
  error instanceof TypeError ? "The gateway does not respond. Is the playground still running?" : error.message;

function refusalTitle({ code, detail, requiredPlan, problem }) {
  if (code === "missing_token") return "Please sign in first.";
  if (code === "quota_exceeded") return `You have used all ${problem.max} ${problem.limit} ${during(problem.per)}.`;
  if (code === "plan_required" && requiredPlan) return `This is included in ${requiredPlan}.`;
  if (code === "not_allowed_for_organization") return "Only an admin of the organization manages its plan.";
  return detail;
}
