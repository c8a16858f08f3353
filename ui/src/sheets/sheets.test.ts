import { expect, test } from "vitest";

import { clear } from "../../dev/base";
import { sampleIncident } from "../../dev/incident";
import { scenes } from "../../dev/scenes";
import { partsOf, splitFault } from "./choices";
import { comparisons, course, figures } from "./incident";
import { whyRoute } from "./why";

test("the parts of the map, by kind; a model with one route is that route", () => {
  const values = (snapshot = clear()) => partsOf(snapshot).flatMap((group) => group.choices.map((choice) => choice.value));
  expect(values()).toEqual([
    "hot", "warm", "provider:anthropic", "provider:openai", "provider:google",
    "route:anthropic/sonnet-4.6", "route:anthropic/haiku-4.5", "route:openai/gpt-4o-mini", "route:google/gemini-3-flash",
  ]);
  const twice = clear();
  twice.tiers[1]!.routes[0]!.model = "sonnet-4.6";
  expect(values(twice)).toContain("model:sonnet-4.6");
});

test.each([
  [{ a: 50, b: 50 }, ""],
  [{ a: 50, b: 30 }, "The shares add up to 80 %, not 100 %."],
  [{ a: 150, b: -50 }, "Each share is a whole number from 0 to 100."],
  [{ a: Number.NaN, b: 100 }, "Each share is a whole number from 0 to 100."],
])("a split of %j: %s", (weights, fault) => {
  expect(splitFault(weights as Record<string, number>)).toBe(fault);
});

test("an open incident has no recovery yet; a closed one says which goal it missed", () => {
  const shown = (scene: "failover" | "closed") => figures(sampleIncident(scenes[scene]())).map(({ name, value, met }) => [name, value, met]);
  expect(shown("failover")).toContainEqual(["Recovery", "open", null]);
  expect(shown("closed")).toEqual([
    ["Detection", "1.20 s", true],
    ["Failover", "0.40 s", true],
    ["Restoration", "1.60 s", true],
    ["Recovery", "21 min", false],
    ["Requests", "271 kept, 0 lost", true],
  ]);
});

test("a lost request is a missed goal, and an unknown figure is not called met", () => {
  const incident = sampleIncident(scenes.closed());
  incident.kpis.lost = 1;
  incident.kpis.slowdownPercent = { value: null, goal: 20, met: null };
  expect(figures(incident).at(-1)).toMatchObject({ value: "271 kept, 1 lost", met: false });
  expect(comparisons(incident).find((figure) => figure.name === "Slowdown")).toMatchObject({ value: "not known", met: null });
  expect(comparisons(incident).find((figure) => figure.name === "Cost")?.value).toBe("−$1.18");
});

test("below zero is written with a minus, and nothing has no sign", () => {
  const incident = sampleIncident(scenes.closed());
  incident.kpis.slowdownPercent.value = -14.8;
  incident.kpis.costDifferenceUsd = 0;
  const value = (name: string) => comparisons(incident).find((figure) => figure.name === name)?.value;
  expect([value("Slowdown"), value("Cost")]).toEqual(["−14.8 %", "$0.00"]);
});

test("a short incident's course carries seconds", () => {
  const incident = sampleIncident(scenes.failover());
  expect(course(incident, incident.beganAtMs + 60_000)[1]?.at).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(course(incident, incident.beganAtMs + 3_600_000)[1]?.at).toMatch(/^\d\d:\d\d$/);
});

test("the course runs from home to home, and each stretch is wide enough to be read", () => {
  const closed = course(sampleIncident(scenes.closed()), Date.now());
  expect(closed.map((stretch) => stretch.look)).toEqual(["home", "down", "away", "home"]);
  expect(closed.reduce((sum, stretch) => sum + stretch.width, 0)).toBeCloseTo(100);
  for (const stretch of closed) expect(stretch.width).toBeGreaterThan(6);
  expect(course(sampleIncident(scenes.failover()), Date.now()).map((stretch) => stretch.look)).toEqual(["home", "down", "away"]);
});

test("why a route is where it is: its own sentence first, nothing said twice", () => {
  const snapshot = scenes.leaving();
  const [first, ...more] = whyRoute(snapshot, snapshot.tiers[0]!.routes[0]!).map((why) => why.sentence);
  expect(first).toBe("Shift 3 sends 50 % of its requests to the other routes.");
  expect(more).toEqual(["34 % of 212 calls failed for 10 min (limit 30 %). Recovers below 2 % for 30 min."]);
  expect(whyRoute(snapshot, snapshot.tiers[1]!.routes[0]!)).toEqual([]);
});
