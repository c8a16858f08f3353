/** What was spent, as a table: over which time, in which order of columns, how exact. Pure. */
import type { SpendBy } from "../api/money";
import type { BudgetView, SpendRow } from "../api/types";
import { isMonthly } from "./budgets";
import { locale } from "./locale";
import { usd } from "./money";

export type Period = "month" | "day" | "week";

export const periods: readonly { key: Period; title: string; words: string }[] = [
  { key: "month", title: "This month", words: "this month" },
  { key: "day", title: "Today", words: "today" },
  { key: "week", title: "Last 7 days", words: "in the last 7 days" },
];

export const groupings: readonly { key: SpendBy; title: string }[] = [
  { key: "provider", title: "Provider" },
  { key: "model", title: "Model" },
  { key: "job", title: "Job" },
  { key: "client", title: "App" },
  { key: "day", title: "Day" },
];

const DAY_MS = 86_400_000;

/** The time a period covers. A budget knows when its month or day began; without one they begin as the router's do: in UTC. */
export function spanOf(period: Period, nowMs: number, budgets: readonly BudgetView[] | undefined): { sinceMs: number; untilMs: number } {
  if (period === "week") return { sinceMs: nowMs - 7 * DAY_MS, untilMs: nowMs };
  const monthly = period === "month";
  const known = budgets?.find((budget) => isMonthly(budget) === monthly && budget.sinceMs <= nowMs && nowMs < budget.resetsAtMs);
  const now = new Date(nowMs);
  const sinceMs = known?.sinceMs ?? Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), monthly ? 1 : now.getUTCDate());
  return { sinceMs, untilMs: nowMs };
}

const weekday = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

/** A row's name: `2026-11-30` is a day. */
export function rowName(by: string, name: string): string {
  if (by !== "day" || !/^\d{4}-\d{2}-\d{2}$/.test(name)) return name === "" ? "not named" : name;
  const ms = Date.parse(`${name}T00:00:00Z`);
  return Number.isNaN(ms) ? name : weekday.format(ms);
}

/** The parts of a row's cost that are not exact: `$0.30 estimated`. */
export function inexact({ estimatedNanoUsd, assumedNanoUsd }: Pick<SpendRow, "estimatedNanoUsd" | "assumedNanoUsd">): string[] {
  return [
    ...(estimatedNanoUsd > 0 ? [`${usd(estimatedNanoUsd)} estimated`] : []),
    ...(assumedNanoUsd > 0 ? [`${usd(assumedNanoUsd)} at assumed prices`] : []),
  ];
}

/** All rows together. */
export function sum(rows: readonly SpendRow[]): SpendRow {
  const total: SpendRow = {
    name: "All", attempts: 0, inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0, costNanoUsd: 0,
    estimatedNanoUsd: 0, assumedNanoUsd: 0,
  };
  for (const row of rows) {
    total.attempts += row.attempts;
    total.inputTokens += row.inputTokens;
    total.cachedTokens += row.cachedTokens;
    total.cacheWriteTokens += row.cacheWriteTokens;
    total.outputTokens += row.outputTokens;
    total.reasoningTokens += row.reasoningTokens;
    total.costNanoUsd += row.costNanoUsd;
    total.estimatedNanoUsd += row.estimatedNanoUsd;
    total.assumedNanoUsd += row.assumedNanoUsd;
  }
  return total;
}
