/** The banners of money: which budget holds what, how full it is, and when it begins anew. Pure. */
import type { BudgetView, Pause, Snapshot } from "../api/types";
import { budgetName, budgetNameOf, budgetOfCause, capital, holdingPause, moneyPauses, ofCap, resetTime, scopeName, scopeOf, scopeOfCause } from "../shared/budgets";
import { percent, timeOfDay } from "../shared/format";
import type { BannerText } from "./banner";

/** What a cause holds, as the object of a resume: `new work`, `new work of app crawler`, `new calls to anthropic`. */
export function heldWords(cause: string): string {
  const scope = scopeOfCause(cause);
  if (scope === "total") return "new work";
  return scope.startsWith("provider/") ? `new calls to ${scope.slice("provider/".length)}` : `new work of ${scopeName(scope)}`;
}

/** What it does, as a clause; `named` before, so that the name is not said twice. A provider's requests take other routes. */
export function heldClause(cause: string, named = false): string {
  const scope = scopeOfCause(cause);
  if (scope === "total") return "new work waits";
  if (scope.startsWith("provider/")) return `no new calls go ${named ? "there" : `to ${scope.slice("provider/".length)}`}`;
  return named ? "its new work waits" : `new work of ${scopeName(scope)} waits`;
}

/** Why it is held, without a full stop: `The monthly budget is used up`. */
export function pauseTitle({ cause }: Pause, budgets: readonly BudgetView[] | undefined): string {
  const id = budgetOfCause(cause);
  if (id !== null) {
    const budget = budgets?.find((one) => one.id === id);
    const name = capital(budget ? budgetName(budget) : budgetNameOf(id));
    return budget?.standing === "reached" ? `${name} is used up` : `${name} is at its pause mark`;
  }
  if (cause.startsWith("webhook/")) return `${capital(scopeName(scopeOfCause(cause)))} reported that its budget runs out`;
  if (cause.startsWith("runaway/")) return `${capital(scopeName(scopeOfCause(cause)))} spends far more than it used to`;
  return "Money holds new work";
}

/** The figures behind a pause: of its budget, else the router's own words. */
export function pauseText(pause: Pause, budgets: readonly BudgetView[] | undefined, nowMs: number): string {
  const id = budgetOfCause(pause.cause);
  const budget = budgets?.find((one) => one.id === id);
  if (!budget) return pause.reason ? `${capital(pause.reason.replace(/\.$/, ""))}.` : "";
  const mark = budget.standing === "reached" ? "" : ` (mark at ${percent(budget.markPercent)})`;
  return `${ofCap(budget)} spent${mark}. It begins anew ${beginsAt(budget, nowMs)}.`;
}

const beginsAt = (budget: BudgetView, nowMs: number): string => {
  const at = resetTime(budget, nowMs);
  return at.includes(":") ? `at ${at}` : `on ${at}`;
};

function banner(pause: Pause, clause: string, snapshot: Snapshot, nowMs: number, more: string): BannerText {
  const title = pauseTitle(pause, snapshot.budgets);
  return {
    announce: `${title}: ${clause}.`,
    kind: "money",
    tone: "blue",
    lamp: "paused",
    title: `${title}: ${clause} since ${timeOfDay(pause.sinceMs)}`,
    text: [pauseText(pause, snapshot.budgets, nowMs), clause.startsWith("no new calls") ? "Requests take other routes." : "Running requests finish.", more].filter(Boolean).join(" "),
    actions: ["budget", "resumeMoney"],
    pause,
  };
}

/** All new work waits because of money, and no person paused it. */
export function moneyBanner(snapshot: Snapshot, nowMs: number): BannerText | null {
  const pause = holdingPause(snapshot);
  return pause && banner(pause, "new work waits", snapshot, nowMs, others(moneyPauses(snapshot.pause.causes).length - 1));
}

/** A part of the work waits because of money: of one provider, app or job. */
export function partBanner(snapshot: Snapshot, nowMs: number): BannerText | null {
  if (snapshot.pause.paused) return null;
  const pauses = moneyPauses(snapshot.pause.causes);
  const [first] = pauses;
  return first ? banner(first, heldClause(first.cause, true), snapshot, nowMs, others(pauses.length - 1)) : null;
}

const others = (n: number): string => (n <= 0 ? "" : n === 1 ? "Another pause of money stands, too." : `${n} other pauses of money stand, too.`);

/** What still holds all new work once a person's pause is taken back; with a space before it, empty where nothing does. */
export function alsoMoney({ pause, budgets }: Snapshot): string {
  const total = moneyPauses(pause.causes).find(({ cause }) => budgetOfCause(cause) !== null && scopeOf(budgetOfCause(cause) ?? "") === "total");
  return total ? ` ${pauseTitle(total, budgets)}, too: that is resumed apart.` : "";
}
