import { expect, test } from "vitest";

import { HEIGHT, runs, WIDTH } from "./spark";
import { tabAfter } from "./tabs";

test.each([
  ["ArrowRight", 0, 1],
  ["ArrowRight", 2, 0],
  ["ArrowLeft", 0, 2],
  ["Home", 2, 0],
  ["End", 0, 2],
  ["Tab", 1, null],
  ["ArrowDown", 1, null],
])("%s on tab %i of three leads to %s", (key, at, to) => {
  expect(tabAfter(key, at, 3)).toBe(to);
});

test.each([0, 30, 59])("a lone minute, the %ith, is a flat line inside the chart", (at) => {
  const values = Array.from({ length: 60 }, (_, i) => (i === at ? 900 : null));
  const [points, ...more] = runs(values, 1200);
  expect(more).toEqual([]);
  const [from, to] = (points ?? "").split(" ").map((point) => point.split(",").map(Number));
  expect(to?.[1]).toBe(from?.[1]);
  expect((to?.[0] ?? 0) - (from?.[0] ?? 0)).toBeGreaterThan(8);
  expect(from?.[0]).toBeGreaterThanOrEqual(0);
  expect(to?.[0]).toBeLessThanOrEqual(WIDTH);
  expect(from?.[1]).toBeLessThan(HEIGHT);
});
