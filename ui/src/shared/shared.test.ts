import { expect, test } from "vitest";

import { count, countdown, latency, percent, span } from "./format";
import { usableLocale } from "./locale";
import { failureShort, routeLabel, wagonCode } from "./words";

test.each([
  [["C"], "en-GB"],
  [["C.UTF-8", "de-DE"], "de-DE"],
  [[undefined, ""], "en-GB"],
  [["pt-PT"], "pt-PT"],
])("the locale of %j is %s and never throws", (wanted, expected) => {
  const tag = usableLocale(wanted);
  expect(tag).toBe(expected);
  expect(() => new Intl.DateTimeFormat(tag)).not.toThrow();
});

test.each([
  [latency(42), "42 ms"],
  [latency(214), "0.21 s"],
  [latency(1_120), "1.12 s"],
  [latency(12_340), "12.3 s"],
  [latency(125_000), "2 min 5 s"],
  [span(59_400), "59 s"],
  [span(1_740_000), "29 min"],
  [span(7_200_000), "2 h"],
  [span(-5), "0 s"],
  [countdown(1), "1 s"],
  [countdown(17_100), "18 s"],
  [percent(0.24), "0.2 %"],
  [percent(40), "40 %"],
  [percent(99.6), "100 %"],
  [count(1, "request"), "1 request"],
  [count(1842, "request"), "1,842 requests"],
])("%s is written %s", (written, expected) => {
  expect(written).toBe(expected);
});

test.each([
  ["summarize-call-notes", "SCN"],
  ["draft-email", "DEM"],
  ["rag-answer", "RAG"],
  ["default", "DEF"],
  ["", "JOB"],
])("the wagon of %s reads %s", (job, code) => {
  expect(wagonCode(job)).toBe(code);
});

test("a route is called by its model, a failure by its status", () => {
  expect(routeLabel("anthropic/sonnet-4.6#2")).toBe("sonnet-4.6#2");
  expect(routeLabel("openrouter/meta/llama")).toBe("meta/llama");
  expect(failureShort({ kind: "overloaded", status: 529, message: "" })).toBe("529 overloaded");
  expect(failureShort({ kind: "first_byte_timeout", message: "" })).toBe("silent");
});
