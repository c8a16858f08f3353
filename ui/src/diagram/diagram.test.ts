import { describe, expect, test } from "vitest";

import { type Scene, scenes } from "../../dev/scenes";
import type { TierView } from "../api/types";
import { appPlates } from "./apps";
import { ifNotes } from "./ifs";
import { laneOf, unknownRoute } from "./lanes";
import { throatPieces } from "./throat";

const tiers = (scene: Scene): [TierView, TierView] => {
  const [hot, warm] = scenes[scene]().tiers;
  return [hot!, warm!];
};

describe("lanes", () => {
  test("traffic split by weight lights the path to the last station that takes any", () => {
    const lane = laneOf(tiers("clear")[0], true);
    expect(lane.state).toBe("in-use");
    expect(lane.stations.map((s) => [s.into, s.out, s.node])).toEqual([
      ["lit", "lit", "here"],
      ["lit", "plain", "here"],
    ]);
  });

  test("a failed tier turns red up to its first station, and the next tier is lit", () => {
    const [hot, warm] = tiers("failover").map((tier) => laneOf(tier, true));
    expect(hot).toMatchObject({ state: "stopped", lead: "shut" });
    expect(hot?.stations.map((s) => [s.into, s.node])).toEqual([["shut", "shut"], ["plain", "shut"]]);
    expect(warm).toMatchObject({ state: "in-use", lead: "lit" });
    expect(warm?.stations.map((s) => [s.into, s.node])).toEqual([["lit", "here"], ["plain", "probe"]]);
  });

  test("the path runs past stopped and switched-off stations to the one that is next", () => {
    const lane = laneOf(tiers("wide")[0], true);
    expect(lane.stations.map((s) => s.node)).toEqual(["shut", "plain", "here", "probe"]);
    expect(lane.stations.map((s) => s.into)).toEqual(["lit", "lit", "lit", "plain"]);
  });

  test("nothing is lit while paused or while the line is lost", () => {
    for (const tier of tiers("clear")) {
      const lane = laneOf(tier, false);
      expect(lane.state).toBe("dark");
      expect(lane.stations.every((s) => s.into === "plain" && !s.carries)).toBe(true);
    }
  });

  test("a tier whose routes are all switched off is not red", () => {
    const [hot] = tiers("clear");
    const off = { ...hot, inUse: false, routes: hot.routes.map((r) => ({ ...r, inService: false, lamp: "out" as const, next: false })) };
    expect(laneOf(off, true).state).toBe("out");
    expect(laneOf({ ...hot, routes: [], inUse: false }, true).state).toBe("empty");
  });

  test("an unknown route claims neither health nor failure", () => {
    const route = unknownRoute(tiers("failover")[0].routes[0]!);
    expect(route).toMatchObject({ lamp: "unknown", signal: "Not known", circuit: "closed", detail: null });
  });
});

describe("throat", () => {
  const still = { apps: 3, lane: 180, hot: "standing-by", warm: "standing-by", coldInUse: false, paused: false, open: true } as const;
  const rails = (pieces: ReturnType<typeof throatPieces>, rail: string) => pieces.filter((p) => p.rail === rail).map((p) => p.d);

  test.each([
    ["hot", { hot: "in-use" }, ["M68 44H92", "M52 44H64"], ["M78 64V206", "M78 226V386"]],
    ["warm", { hot: "stopped", warm: "in-use" }, ["M78 64V206", "M79.5 211.5L91 223"], ["M78 226V386"]],
    ["cold", { hot: "stopped", warm: "stopped", coldInUse: true }, ["M78 64V206", "M78 226V386", "M79.5 391.5L91 403"], []],
  ] as const)("the lit path leads to %s", (_name, change, lit, unlit) => {
    const pieces = throatPieces({ ...still, ...change });
    expect(rails(pieces, "lit")).toEqual(expect.arrayContaining([...lit]));
    expect(rails(pieces, "plain")).toEqual(expect.arrayContaining([...unlit]));
  });

  test("a stopped tier's points are red, a paused entrance blue, a lost one dark", () => {
    expect(rails(throatPieces({ ...still, hot: "stopped", warm: "stopped", coldInUse: true }), "shut")).toEqual(["M68 44H92", "M79.5 211.5L91 223"]);
    expect(rails(throatPieces({ ...still, paused: true }), "paused")).toHaveLength(3);
    expect(throatPieces({ ...still, open: false }).every((p) => p.rail === "plain")).toBe(true);
  });
});

describe("apps", () => {
  test("more apps than plates are summed up, none is left out", () => {
    const plates = appPlates(scenes.failover().clients);
    expect(plates.map((p) => p.name)).toEqual(["my-saas-prod", "n8n", "3 more apps"]);
    expect(plates[2]?.perMinute).toBeCloseTo(0.9);
    expect(plates.reduce((n, p) => n + p.stands, 0)).toBe(5);
  });
});

describe("notes", () => {
  const notes = (scene: Scene, more = {}) => {
    const snapshot = scenes[scene]();
    const [hot, warm] = tiers(scene);
    const hotState = laneOf(hot, true).state;
    const warmState = laneOf(warm, true).state;
    return ifNotes({ hot, warm, cold: snapshot.cold, hotState, warmState, lost: false, paused: null, ageMs: 0, ...more }).map((n) => `${n.title}: ${n.text}`);
  };

  test.each<[Scene, object, [string, string]]>([
    ["clear", {}, ["If Hot fails: The next attempt goes to gpt-4o-mini, in about 0.7 s.", "If Warm fails too: Jobs wait in the siding. Nothing is dropped."]],
    ["failover", {}, ["Hot is stopped: Both routes fail; they are tested, not used. Next test call in 18 s.", "If Warm fails too: Jobs wait in the siding. Nothing is dropped."]],
    ["failover", { ageMs: 17_500 }, ["Hot is stopped: Both routes fail; they are tested, not used. Next test call in 1 s.", "If Warm fails too: Jobs wait in the siding. Nothing is dropped."]],
    ["cold", {}, ["Hot is stopped: Both routes fail; they are tested, not used. Next test call in 18 s.", "Warm is stopped too: Jobs wait in the siding. Nothing is dropped."]],
    ["wide", {}, ["If Hot fails: The next attempt goes to gpt-4o-mini.", "If Warm fails too: Callers get an error at once: this map has no queue."]],
    ["firstRun", { hotState: "in-use" }, ["If Hot fails: This map has no Warm route; jobs go to the siding.", "If Warm fails too: Jobs wait in the siding. Nothing is dropped."]],
  ])("%s %j", (scene, more, expected) => {
    expect(notes(scene, more)).toEqual(expected);
  });

  test("while the line is lost nothing is promised", () => {
    expect(notes("clear", { lost: true })[0]).toMatch(/last figures/);
  });
});
