/**
 * The suggested path at the top of the page, which remembers the steps that were done in this tab.
 *
 * @module
 */

/** Marks a step as done, and the first one that is not as the next. @param {string} [step] its `data-step` */
export function reached(step) {
  if (step) sessionStorage.setItem(`reached ${step}`, "yes");
  const steps = [...document.querySelectorAll("#path li")];
  const next = steps.find(({ dataset }) => !isReached(dataset.step));
  for (const item of steps) {
    item.classList.toggle("done", isReached(item.dataset.step));
    item.querySelector("a").ariaCurrent = item === next ? "step" : null;
  }
}

/** Returns whether a step was done. @param {string} step */
export const isReached = (step) => sessionStorage.getItem(`reached ${step}`) !== null;
