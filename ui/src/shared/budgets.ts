/** Budgets in words and figures: whose they are, what is used of them, and which one a gauge shows. Pure. */
import type { BudgetView, Lamp, Pause, Snapshot } from "../api/types";
import { dayOfMonth, number, percent, timeOfDay } from "./format";
import { usd } from "./money";

const DAY_MS = 86_400_000;

/** `client/crawler` of `client/crawler/dayUsd`. */
export const scopeOf = (id: string): string => id.slice(0, Math.max(0, id.lastIndexOf("/")));

/** The kind of a scope, and its name: `client`, `crawler`. */
function parts(scope: string): { kind: string; name: string } {
  const slash = scope.indexOf("/");
  return slash < 0 ? { kind: scope, name: "" } : { kind: scope.slice(0, slash), name: scope.slice(slash + 1) };
}

const kinds: Record<string, string> = { provider: "provider", client: "app", job: "job" };

/** `everything`, `provider anthropic`, `app crawler`, `job rag-answer`. */
export function scopeName(scope: string): string {
  const { kind, name } = parts(scope);
  return kind === "total" ? "everything" : `${kinds[kind] ?? kind} ${name}`.trimEnd();
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const isMonthly = ({ measure }: Pick<BudgetView, "measure">): boolean => measure === "monthUsd" || measure === "monthTokens";
export const isUsd = ({ measure }: Pick<BudgetView, "measure">): boolean => measure === "monthUsd" || measure === "dayUsd";

/** `the monthly budget`, `the daily token budget of app crawler`. */
export function budgetName(budget: Pick<BudgetView, "id" | "measure">): string {
  const scope = scopeOf(budget.id);
  const whose = scope === "total" ? "" : ` of ${scopeName(scope)}`;
  return `the ${isMonthly(budget) ? "monthly" : "daily"} ${isUsd(budget) ? "" : "token "}budget${whose}`;
}

/** The same from an id alone, where its figures are not at hand. */
export const budgetNameOf = (id: string): string => budgetName({ id, measure: id.slice(id.lastIndexOf("/") + 1) as BudgetView["measure"] });

/** An amount in a budget's measure, without the word for tokens. */
export const amount = (budget: Pick<BudgetView, "measure">, value: number, short = false): string => (isUsd(budget) ? usd(value, short) : number(value));

/** What counts as spent: what may have been spent before a crash counts, too. */
export const used = ({ spent, unsettled }: BudgetView): number => spent + unsettled;

/** `$23.10 of $100`, `12,400 of 1,000,000 tokens`. */
export const ofCap = (budget: BudgetView): string =>
  `${amount(budget, used(budget))} of ${amount(budget, budget.cap, true)}${isUsd(budget) ? "" : " tokens"}`;

/** `1 Dec`; the time where it is within a day. */
export const resetTime = ({ resetsAtMs }: BudgetView, nowMs: number): string =>
  resetsAtMs - nowMs < DAY_MS ? timeOfDay(resetsAtMs) : dayOfMonth(resetsAtMs);

/** `resets 1 Dec`, `resets at 00:00`. */
export const resets = (budget: BudgetView, nowMs: number): string =>
  `resets ${budget.resetsAtMs - nowMs < DAY_MS ? "at " : ""}${resetTime(budget, nowMs)}`;

/** `$23.10 of $100, resets 1 Dec`. */
export const figures = (budget: BudgetView, nowMs: number): string => `${ofCap(budget)}, ${resets(budget, nowMs)}`;

/** What the figures do not say by themselves; empty where there is nothing. */
export function remarks(budget: BudgetView): string[] {
  const list = [];
  const unit = isUsd(budget) ? "" : " tokens";
  if (budget.unsettled > 0) list.push(`Up to ${amount(budget, budget.unsettled)}${unit} of it may have been spent before a crash; it counts as spent.`);
  if (budget.reserved > 0) list.push(`${amount(budget, budget.reserved)}${unit} more is held by calls under way.`);
  if (budget.allowance > 0) list.push(`${amount(budget, budget.allowance, true)}${unit} of the cap was allowed by a person, until it begins anew.`);
  return list;
}

/** Where a budget stands, in words. Open beyond its mark: a person let work go on. */
export function standing(budget: BudgetView): { word: string; lamp: Lamp } {
  switch (budget.standing) {
    case "open":
      return budget.percent >= budget.markPercent ? { word: "Let past its mark", lamp: "caution" } : { word: "Open", lamp: "clear" };
    case "marked":
      return { word: `Paused at ${percent(budget.markPercent)}`, lamp: "paused" };
    case "reached":
      return { word: "Used up", lamp: "stop" };
  }
}

/** The budget a gauge shows: the first of everything, else the fullest one; none where nothing is capped. */
export function gaugeBudget(budgets: readonly BudgetView[] | undefined): BudgetView | null {
  const list = budgets ?? [];
  const total = list.find(({ id }) => scopeOf(id) === "total");
  return total ?? list.reduce<BudgetView | null>((fullest, one) => (fullest && fullest.percent >= one.percent ? fullest : one), null);
}

/** A ruler's lengths, percent of the cap, none beyond its end. */
export function ruler(budget: BudgetView): { used: number; held: number; mark: number } {
  const share = (value: number) => (budget.cap > 0 ? (value / budget.cap) * 100 : 100);
  const usedShare = Math.min(100, share(used(budget)));
  const heldShare = budget.reserved > 0 ? Math.min(100 - usedShare, share(budget.reserved)) : 0;
  return { used: usedShare, held: heldShare, mark: Math.min(100, budget.markPercent) };
}

/** What somebody hears of a ruler. */
export const rulerText = (budget: BudgetView): string =>
  `${ofCap(budget)}, ${percent(budget.percent)} used, pause mark at ${percent(budget.markPercent)}`;

/** The pauses that only more money, patience or a person's word ends. */
export const moneyPauses = (pauses: readonly Pause[] | undefined): Pause[] => (pauses ?? []).filter(({ cause }) => cause !== "manual");

/** The scope that a resume of this cause names. */
export function scopeOfCause(cause: string): string {
  const { kind, name } = parts(cause);
  switch (kind) {
    case "budget":
      return scopeOf(name);
    case "webhook":
      return `provider/${name}`;
    case "runaway":
      return `client/${name}`;
    default:
      return name;
  }
}

/** The budget a cause speaks of, where it does. */
export const budgetOfCause = (cause: string): string | null => (cause.startsWith("budget/") ? cause.slice("budget/".length) : null);

/** The budgets of a scope that are used up. */
export const reachedIn = (budgets: readonly BudgetView[] | undefined, scope: string): BudgetView[] =>
  (budgets ?? []).filter((budget) => budget.standing === "reached" && scopeOf(budget.id) === scope);

/** The pause that holds all new work because of money, where one does and no person paused it. */
export function holdingPause({ pause, budgets }: Pick<Snapshot, "pause" | "budgets">): Pause | null {
  const causes = pause.causes ?? [];
  if (!pause.paused || causes.some(({ cause }) => cause === "manual")) return null;
  const money = moneyPauses(causes);
  const total = money.filter(({ cause }) => cause.startsWith("budget/total/"));
  // A budget that is used up needs more than a word; it is named before one at its mark.
  const reached = total.find((one) => reachedIn(budgets, "total").some(({ id }) => one.cause === `budget/${id}`));
  return reached ?? total[0] ?? money.find(({ cause }) => cause.startsWith("webhook/")) ?? money[0] ?? null;
}

/** Whether more must be allowed before work goes on: nothing is left of the budget that holds it. */
export const asksAmount = ({ cause }: Pause, budgets: readonly BudgetView[] | undefined): boolean =>
  budgetOfCause(cause) !== null && reachedIn(budgets, scopeOfCause(cause)).length > 0;
