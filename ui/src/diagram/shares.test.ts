import { describe, expect, test } from "vitest";

import { type Scene, scenes } from "../../dev/scenes";
import { isNear, laneOf, unreachableRoute } from "./lanes";
import { sharesOf } from "./shares";
import { throatPieces } from "./throat";

const lanes = (scene: Scene) => {
  const snapshot = scenes[scene]();
  const shares = sharesOf(snapshot);
  return { shares, lanes: snapshot.tiers.map((tier) => laneOf(tier, true, shares)) };
};

describe("a move of traffic", () => {
  test.each<[Scene, [string, string], [number, number]]>([
    ["leaving", ["in-use", "in-use"], [50, 50]],
    ["away", ["away", "in-use"], [0, 100]],
    ["returning", ["in-use", "in-use"], [25, 75]],
    ["distribution", ["in-use", "in-use"], [83, 17]],
  ])("%s: the lanes are %j and share %j", (scene, states, percents) => {
    const drawn = lanes(scene);
    expect(drawn.lanes.map((lane) => lane.state)).toEqual(states);
    expect([drawn.shares.byTier.get("hot"), drawn.shares.byTier.get("warm")].map((n) => Math.round(n ?? -1))).toEqual(percents);
  });

  test("the path is lit to the station that takes over, not to the one after it", () => {
    const [, warm] = lanes("leaving").lanes;
    expect(warm?.stations.map((s) => [s.carries, s.into])).toEqual([[true, "lit"], [false, "plain"]]);
  });

  test("what stays behind comes to the first in line alone, or by weight", () => {
    const carriers = (weights: (number | null)[]) => {
      const snapshot = scenes.leaving();
      const [hot] = snapshot.tiers;
      hot!.routes.forEach((route, i) => Object.assign(route, { weight: weights[i], lamp: "clear", circuit: "closed", shiftedPercent: 50, next: i === 0 }));
      return laneOf(hot!, true, sharesOf(snapshot)).stations.map((s) => s.carries);
    };
    expect(carriers([null, null])).toEqual([true, false]);
    expect(carriers([90, 10])).toEqual([true, true]);
  });

  test("a station whose traffic has left waits for trials", () => {
    const [hot] = lanes("away").lanes;
    expect(hot?.lead).toBe("probe");
    expect(hot?.stations.map((s) => [s.carries, s.node])).toEqual([[false, "probe"], [false, "probe"]]);
    const pieces = throatPieces({ apps: 3, lane: 180, hot: "away", warm: "in-use", coldInUse: false, paused: false, open: true });
    expect(pieces.filter((piece) => piece.rail === "probe").map((piece) => piece.d)).toEqual(["M68 44H92"]);
  });

  test("a station it leaves that can't serve takes nothing, so the other side has all", () => {
    const snapshot = scenes.leaving();
    for (const route of snapshot.tiers[0]!.routes) Object.assign(route, { circuit: "open", lamp: "stop", next: false });
    snapshot.tiers[0]!.inUse = false;
    const shares = sharesOf(snapshot);
    expect(shares.byTier.get("warm")).toBe(100);
    expect(laneOf(snapshot.tiers[0]!, true, shares).state).toBe("stopped");
  });

  test("with nowhere to go the map's own path stays lit", () => {
    const snapshot = scenes.leaving();
    snapshot.tiers[1]!.routes = [];
    expect(sharesOf(snapshot).byTier.size).toBe(0);
  });

  test("nothing is lit while paused, whatever was moved", () => {
    const snapshot = scenes.leaving();
    expect(snapshot.tiers.map((tier) => laneOf(tier, false, sharesOf(snapshot)).state)).toEqual(["dark", "dark"]);
  });
});

test.each([
  ["localhost:11434", true],
  ["127.0.0.1:1234", true],
  ["[::1]:11434", true],
  ["192.168.1.20", true],
  ["172.20.0.4:80", true],
  ["172.32.0.4", false],
  ["fd00::12", true],
  ["studio.local", true],
  ["gpu-box", true],
  ["api.anthropic.com", false],
  ["203.0.113.7:443", false],
  ["[2001:db8::1]:443", false],
])("%s is near: %s", (host, near) => {
  expect(isNear(host)).toBe(near);
});

test("without a network a far route is not called failed, and a near one still says how it is", () => {
  const far = { ...scenes.failover().tiers[0]!.routes[0]! };
  expect(unreachableRoute(far)).toMatchObject({ lamp: "unknown", signal: "Not probed", circuit: "closed", detail: null });
  const near = { ...far, host: "127.0.0.1:11434" };
  expect(unreachableRoute(near)).toBe(near);
});
