import { expect, test } from "vitest";

import { budget } from "../../dev/base";
import { scenes } from "../../dev/scenes";
import { budgetName, figures, gaugeBudget, holdingPause, ofCap, remarks, resets, ruler, rulerText, scopeName, scopeOf, scopeOfCause, standing } from "./budgets";
import { dayOfMonth } from "./format";
import { inexact, rowName, spanOf, sum } from "./spend";

test("the gauge shows the first budget of everything, else the fullest, else nothing", () => {
  const crawler = budget("client/crawler/dayUsd", 4.9, 5);
  const anthropic = budget("provider/anthropic/monthUsd", 10, 75);
  const total = budget("total/monthUsd", 1, 100);
  expect(gaugeBudget([crawler, total, budget("total/dayUsd", 9, 10)])?.id).toBe("total/monthUsd");
  expect(gaugeBudget([anthropic, crawler])?.id).toBe("client/crawler/dayUsd");
  expect(gaugeBudget([])).toBeNull();
  expect(gaugeBudget(undefined)).toBeNull();
});

test.each([
  ["total/monthUsd", "total", "everything", "the monthly budget"],
  ["provider/anthropic/monthUsd", "provider/anthropic", "provider anthropic", "the monthly budget of provider anthropic"],
  ["client/crawler/dayUsd", "client/crawler", "app crawler", "the daily budget of app crawler"],
  ["job/a/b/dayTokens", "job/a/b", "job a/b", "the daily token budget of job a/b"],
])("%s is of %s: %s, %s", (id, scope, name, words) => {
  expect(scopeOf(id)).toBe(scope);
  expect(scopeName(scope)).toBe(name);
  expect(budgetName(budget(id, 1, 10))).toBe(words);
});

test("the figures name what is spent, the cap, and when it begins anew", () => {
  const resetsAtMs = new Date(2026, 11, 1).getTime();
  const total = budget("total/monthUsd", 23.1, 100, { resetsAtMs });
  expect(figures(total, new Date(2026, 10, 20).getTime())).toBe(`$23.10 of $100, resets ${dayOfMonth(resetsAtMs)}`);
  expect(dayOfMonth(resetsAtMs)).toMatch(/\b1\b/);
  expect(resets(total, resetsAtMs - 3_600_000)).toBe("resets at 00:00");
  expect(ofCap(budget("job/x/dayTokens", 12_400, 1_000_000))).toBe("12,400 of 1,000,000 tokens");
});

test("what may have been spent before a crash counts as spent, and is said", () => {
  const one = budget("total/monthUsd", 23.1, 100, { unsettled: 400_000_000, reserved: 1_200_000, allowance: 20e9 });
  expect(ofCap(one)).toBe("$23.50 of $100");
  expect(remarks(one)).toEqual([
    "Up to $0.40 of it may have been spent before a crash; it counts as spent.",
    "$0.0012 more is held by calls under way.",
    "$20 of the cap was allowed by a person, until it begins anew.",
  ]);
  expect(remarks(budget("total/monthUsd", 1, 2))).toEqual([]);
});

test("a ruler never leaves its bed, and a cap of nothing is full", () => {
  expect(ruler(budget("total/monthUsd", 90, 100, { reserved: 20e9 }))).toEqual({ used: 90, held: 10, mark: 80 });
  expect(ruler(budget("total/monthUsd", 130, 100, { reserved: 20e9 }))).toEqual({ used: 100, held: 0, mark: 80 });
  expect(ruler({ ...budget("total/monthUsd", 1, 1), cap: 0, spent: 0 })).toEqual({ used: 100, held: 0, mark: 80 });
  expect(rulerText(budget("total/monthUsd", 23.1, 100))).toBe("$23.10 of $100, 23 % used, pause mark at 80 %");
});

test.each([
  [10, undefined, "Open", "clear"],
  [85, undefined, "Paused at 80 %", "paused"],
  [85, "open", "Let past its mark", "caution"],
  [100, undefined, "Used up", "stop"],
] as const)("%i of 100, %s: %s", (spent, state, word, lamp) => {
  expect(standing(budget("total/monthUsd", spent, 100, state ? { standing: state } : {}))).toEqual({ word, lamp });
});

test.each([
  ["budget/total/monthUsd", "total"],
  ["budget/client/crawler/dayUsd", "client/crawler"],
  ["webhook/google", "provider/google"],
  ["runaway/n8n", "client/n8n"],
])("the cause %s is resumed as %s", (cause, scope) => {
  expect(scopeOfCause(cause)).toBe(scope);
});

test("money holds everything only while all is paused and no person paused it", () => {
  expect(holdingPause(scenes.marked())?.cause).toBe("budget/total/monthUsd");
  expect(holdingPause(scenes.pausedTwice())).toBeNull();
  expect(holdingPause(scenes.partPaused())).toBeNull();
  expect(holdingPause(scenes.paused())).toBeNull();
  const webhook = scenes.marked();
  webhook.pause.causes = [{ cause: "runaway/n8n", sinceMs: 1, by: "switchyard", reason: "" }, { cause: "webhook/google", sinceMs: 2, by: "switchyard", reason: "" }];
  expect(holdingPause(webhook)?.cause).toBe("webhook/google");
  // A router from before there were causes.
  expect(holdingPause({ pause: { paused: true } })).toBeNull();
});

test("of two budgets of everything the one that is used up is named", () => {
  const snapshot = scenes.marked();
  snapshot.budgets!.push(budget("total/dayUsd", 10, 10));
  snapshot.pause.causes!.push({ cause: "budget/total/dayUsd", sinceMs: 2, by: "switchyard", reason: "" });
  expect(holdingPause(snapshot)?.cause).toBe("budget/total/dayUsd");
});

test("a period begins where its budget begins, else as the router's calendar does: in UTC", () => {
  const nowMs = Date.UTC(2026, 10, 20, 15);
  const monthly = budget("total/monthUsd", 1, 10, { sinceMs: Date.UTC(2026, 10, 1, 5), resetsAtMs: Date.UTC(2026, 11, 1, 5) });
  expect(spanOf("month", nowMs, [monthly])).toEqual({ sinceMs: monthly.sinceMs, untilMs: nowMs });
  expect(spanOf("month", nowMs, undefined).sinceMs).toBe(Date.UTC(2026, 10, 1));
  expect(spanOf("day", nowMs, [monthly]).sinceMs).toBe(Date.UTC(2026, 10, 20));
  expect(spanOf("week", nowMs, [monthly]).sinceMs).toBe(Date.UTC(2026, 10, 13, 15));
});

test("a row's name and the parts of its cost that are not exact", () => {
  expect(rowName("day", "2026-11-30")).toMatch(/30/);
  expect(rowName("model", "2026-11-30")).toBe("2026-11-30");
  expect(rowName("client", "")).toBe("not named");
  const row = { name: "a", attempts: 1, inputTokens: 2, cachedTokens: 3, cacheWriteTokens: 4, outputTokens: 5, reasoningTokens: 6, costNanoUsd: 7e9, estimatedNanoUsd: 1e9, assumedNanoUsd: 5e8 };
  expect(inexact(row)).toEqual(["$1.00 estimated", "$0.50 at assumed prices"]);
  expect(inexact({ estimatedNanoUsd: 0, assumedNanoUsd: 0 })).toEqual([]);
  expect(sum([row, row])).toMatchObject({ name: "All", attempts: 2, reasoningTokens: 12, costNanoUsd: 14e9, assumedNanoUsd: 1e9 });
});
