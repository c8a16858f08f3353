import { expect, test } from "vitest";

import { clear } from "../../dev/base";
import type { AttemptView } from "../api/types";
import { attemptCost, parseUsd, requestCost, usd } from "./money";

test.each([
  [0, "$0.00"],
  [1, "<$0.0001"],
  [99_999, "<$0.0001"],
  [100_000, "$0.0001"],
  [1_200_000, "$0.0012"],
  [11_766_000, "$0.0118"],
  [11_000_000, "$0.0110"],
  [10_000_000, "$0.01"],
  [500_000_000, "$0.50"],
  [312_000_000, "$0.3120"],
  [999_960_000, "$1.00"],
  [23_100_000_000, "$23.10"],
  [100_000_000_000, "$100.00"],
  [1_234_567_890_000_000, "$1,234,567.89"],
  [-2_500_000_000, "−$2.50"],
  [-5, "−<$0.0001"],
])("%i nano-dollars are written %s", (nano, written) => {
  expect(usd(nano)).toBe(written);
});

test("a cost that is not zero is never written as zero", () => {
  for (let nano = 1; nano < 1e13; nano *= 3) expect(usd(nano)).not.toBe(usd(0));
});

test("a cap of whole dollars has no cents, any other has", () => {
  expect([usd(100e9, true), usd(12.5e9, true), usd(0, true), usd(0.5e9, true)]).toEqual(["$100", "$12.50", "$0", "$0.50"]);
});

test.each([
  ["20", 20e9],
  [" $4.50 ", 4.5e9],
  ["1,200", 1_200e9],
  ["0.000000001", 1],
  ["0", null],
  ["", null],
  ["-3", null],
  ["4,5", null],
  ["1e3", null],
  ["twenty", null],
  ["99999999999", null],
])("the typed amount %j is %j nano-dollars", (typed, nano) => {
  expect(parseUsd(typed)).toBe(nano);
});

const attempt = (more: Partial<AttemptView>): AttemptView => ({ route: "a/b", tier: "hot", startMs: 0, durationMs: 1, failure: null, ...more });

test.each<[Partial<AttemptView>, string, string]>([
  [{ costNanoUsd: 11_766_000, costBasis: "usage" }, "$0.0118", ""],
  [{ costNanoUsd: 11_766_000, costBasis: "provider" }, "$0.0118", ""],
  [{ costNanoUsd: 2_945_000, costBasis: "estimate" }, "$0.0029", "estimate"],
  [{ costNanoUsd: 80_000, costBasis: "assumed" }, "<$0.0001", "assumed price"],
  [{ costNanoUsd: 0, costBasis: "free" }, "free", ""],
  [{ costNanoUsd: 0, costBasis: "subscription" }, "subscription", ""],
  [{}, "–", ""],
  [{ costNanoUsd: null }, "–", ""],
])("a try with %j costs %s %s", (more, text, note) => {
  expect(attemptCost(attempt(more))).toEqual({ text, note });
});

test("a request's cost says what of it is not exact, and what was free", () => {
  const [request] = clear().requests;
  const cost = (costNanoUsd: number | null, ...attempts: AttemptView[]) => requestCost({ ...request!, costNanoUsd, attempts });
  expect(cost(3_000_000, attempt({ costBasis: "estimate" }), attempt({ costBasis: "assumed" }))).toEqual({ text: "$0.0030", note: "estimate, assumed price" });
  expect(cost(3_000_000, attempt({ costBasis: "free" }), attempt({ costBasis: "usage" }))).toEqual({ text: "$0.0030", note: "" });
  expect(cost(0, attempt({ costBasis: "free" })).text).toBe("free");
  expect(cost(0, attempt({ costBasis: "subscription" })).text).toBe("subscription");
  expect(cost(0, attempt({ costBasis: "usage" })).text).toBe("$0.00");
  expect(cost(null).text).toBe("–");
});
