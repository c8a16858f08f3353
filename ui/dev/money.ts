/** Fixture snapshots of money: budgets of every kind, at their mark, used up, and what was spent. */
import type { Pause, Snapshot, Spend, SpendRow } from "../src/api/types";
import { ago, budget, clear, now } from "./base";

const byRouter = { by: "switchyard" } as const;

function budgets(): Snapshot {
  const s = clear();
  s.budgets = [
    budget("total/monthUsd", 63.2, 100, { reserved: 1_250_000_000, unsettled: 300_000_000 }),
    budget("provider/anthropic/monthUsd", 54.9, 75),
    budget("provider/openai/monthUsd", 3.5, 15),
    budget("client/crawler/dayUsd", 4.31, 5, { standing: "open" }),
    budget("job/rag-answer/dayTokens", 412_000, 1_000_000, { reserved: 12_000 }),
  ];
  return s;
}

function holdAll(s: Snapshot, cause: Pause): Snapshot {
  s.pause = { paused: true, reason: cause.reason, sinceMs: cause.sinceMs, causes: [cause] };
  s.status = { ...s.status, lamp: "paused", state: "Paused.", sentence: `${cause.reason} New work waits; running requests finish.` };
  return s;
}

function marked(): Snapshot {
  const s = budgets();
  s.budgets![0] = budget("total/monthUsd", 80.12, 100);
  return holdAll(s, { cause: "budget/total/monthUsd", sinceMs: ago(1200), ...byRouter, reason: "$80.12 of $100 is spent." });
}

function reached(): Snapshot {
  const s = budgets();
  s.budgets![0] = budget("total/monthUsd", 100.4, 100);
  return holdAll(s, { cause: "budget/total/monthUsd", sinceMs: ago(600), ...byRouter, reason: "$100.40 of $100 is spent." });
}

/** Parts of the work wait; the rest goes on. */
function partPaused(): Snapshot {
  const s = budgets();
  s.budgets![1] = budget("provider/anthropic/monthUsd", 61, 75);
  s.budgets![3] = budget("client/crawler/dayUsd", 5.02, 5);
  s.pause.causes = [
    { cause: "budget/client/crawler/dayUsd", sinceMs: ago(3000), ...byRouter, reason: "$5.02 of $5 is spent" },
    { cause: "budget/provider/anthropic/monthUsd", sinceMs: ago(900), ...byRouter, reason: "$61.00 of $75 is spent" },
    { cause: "webhook/google", sinceMs: ago(400), ...byRouter, reason: "google says 83 % of its budget is used" },
    { cause: "runaway/n8n", sinceMs: ago(60), ...byRouter, reason: "$2.10 in 10 min, 40 times its usual rate" },
  ];
  return s;
}

/** A person paused, and the month's budget is at its mark besides. */
function pausedTwice(): Snapshot {
  const s = marked();
  s.pause.causes!.unshift({ cause: "manual", sinceMs: ago(60), by: "window", reason: "paused in the window" });
  return s;
}

function uncapped(): Snapshot {
  const s = clear();
  s.budgets = [];
  return s;
}

const row = (name: string, cost: number, more: Partial<SpendRow> = {}): SpendRow => ({
  name, attempts: Math.ceil(cost * 31), inputTokens: Math.round(cost * 120_000), cachedTokens: Math.round(cost * 40_000), cacheWriteTokens: 0, outputTokens: Math.round(cost * 21_000),
  reasoningTokens: Math.round(cost * 4_000), costNanoUsd: Math.round(cost * 1e9), estimatedNanoUsd: 0, assumedNanoUsd: 0, ...more,
});

const names: Record<string, string[]> = {
  provider: ["anthropic", "openai", "google"],
  model: ["sonnet-4.6", "haiku-4.5", "gpt-4o-mini"],
  job: ["summarize-call-notes", "rag-answer", "draft-email"],
  client: ["my-saas-prod", "n8n", "Claude Code"],
};

export function sampleSpend(by: Spend["by"]): Spend {
  const span = { by, sinceMs: ago(20 * 86_400), untilMs: now };
  if (by === "day") {
    const day = (daysAgo: number) => new Date(now - daysAgo * 86_400_000).toISOString().slice(0, 10);
    return { ...span, rows: Array.from({ length: 20 }, (_, i) => row(day(19 - i), 2.1 + Math.sin(i) * 1.3)) };
  }
  const [first = "", second = "", third = ""] = names[by] ?? [];
  return { ...span, rows: [row(first, 54.9, { estimatedNanoUsd: 312_000_000 }), row(second, 3.5, { assumedNanoUsd: 2_100_000_000 }), row(third, 0.00412)] };
}

export const moneyScenes = { budgets, marked, reached, partPaused, pausedTwice, uncapped };
