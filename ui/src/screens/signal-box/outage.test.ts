import { expect, test } from "vitest";

import { type Scene, scenes } from "../../../dev/scenes";
import { overridesOf } from "../../shared/overrides";
import { laneOf, usable } from "../../diagram/lanes";
import { findingsOf } from "./findings";
import { stepMarks } from "./shift";
import { stationLine, stationMeta, stationName } from "./station";

const station = (scene: Scene, tier = 0, at = 0) => scenes[scene]().tiers[tier]!.routes[at]!;

test.each<[string, Scene]>([
  ["keeps 50 %", "leaving"],
  ["keeps 25 %", "returning"],
  ["50 % weight", "lowered"],
])("a station says that it has less than the map gives it: %s", (label, scene) => {
  expect(stationMeta(station(scene), Date.now(), false)).toMatchObject({ label, less: true });
});

test("what moved a station's traffic, or holds its circuit, is in its line and its name", () => {
  expect(stationLine(station("away"), 0, false)?.full).toBe("Moved away; trials go on");
  expect(stationName("Hot, 1 of 2", station("away"), "sonnet-4.6", false)).toContain("100 % moved elsewhere");
  expect(stationName("Hot, 1 of 2", station("lowered"), "sonnet-4.6", true)).toContain("lowered to 50 % of its weight");
  const held = { ...station("clear"), forced: { route: "anthropic/sonnet-4.6", open: true, actor: "cli", atMs: 1 } };
  expect(stationLine(held, 0, false)?.full).toBe("Circuit held open by hand");
  expect(stationName("Hot", held, "sonnet-4.6", false)).toContain("circuit held open by hand");
  expect(stationMeta({ ...held, forced: { ...held.forced, open: false } }, 0, false)).toMatchObject({ label: "held closed" });
});

test("where no call goes, a lowered weight is not worth a word", () => {
  const open = { ...station("lowered"), weight: null, detail: "500", circuit: "open", lamp: "stop" } as const;
  expect(stationMeta(open, Date.now(), false)).toBeNull();
});

test("offline, a station claims neither a probe nor a test call", () => {
  const shut = station("failover");
  expect(stationLine(shut, 0, false, true)?.full).toBe("Waits until you are online");
  expect(stationMeta(station("clear"), Date.now(), false, true)).toBeNull();
});

test("a route out of service together with its provider says so", () => {
  const route = station("overrides", 1, 1);
  expect(stationLine(route, 0, false)?.full).toBe("Off with provider google");
  const byAlias = { ...route, killed: { ...route.killed!, scope: { kind: "model", name: "fast" } } } as const;
  expect(stationLine(byAlias, 0, false)?.full, "whatever name it was killed by").toBe("Off with model fast");
  const alone = { ...route, killed: { ...route.killed!, scope: { kind: "route", name: route.id } } } as const;
  expect(stationLine(alone, 0, false)?.full).toBe("Switched off by hand");
});

test("a route whose provider is left out of every job is not called clear, and takes no request", () => {
  const route = { ...station("clear", 1, 1), lamp: "out", signal: "Left out" } as const;
  expect(stationLine(route, 0, false)?.full).toBe("google is left out");
  expect(usable(route)).toBe(false);
  expect(laneOf({ tier: "warm", inUse: false, routes: [route] }, true).state).toBe("out");
});

test.each<[Scene, string[]]>([
  ["leaving", ["50 now", "75 next", "100 next"]],
  ["away", ["50 done", "75 done", "100 now"]],
  ["returning", ["10 done", "25 now", "50 next", "75 next", "100 next"]],
])("the steps of a move that is %s", (scene, marks) => {
  const [shift] = scenes[scene]().shifts;
  expect(stepMarks(shift!).map((mark) => `${mark.at} ${mark.state}`)).toEqual(marks);
});

test("the figures under the bar of a canary do not run into each other", () => {
  const [shift] = scenes.leaving().shifts;
  const shown = (step: number) => stepMarks({ ...shift!, steps: [5, 10, 25, 50, 100], step }).filter((mark) => mark.labelled).map((mark) => mark.at);
  expect(shown(0)).toEqual([5, 25, 50, 100]);
  expect(shown(1)).toEqual([10, 25, 50, 100]);
});

const findings = (scene: Scene, bannered: boolean) => {
  const snapshot = scenes[scene]();
  return findingsOf(snapshot, snapshot.atMs, bannered);
};

test("causes come first with their fixes, then the storm and what gives way", () => {
  const list = findings("storm", true);
  expect(list.map((finding) => finding.key)).toEqual(["cause-retry_storm", "cause-client_retries", "cause-provider_outage", "storm", "shed"]);
  expect(list[0]).toMatchObject({ lamp: "stop", fix: { label: "Cut tries per route to 1" } });
  expect(list[3]?.text).toContain("184 retries a minute, 61 % fell back, 3.1 retries a request.");
  expect(list[4]?.text).toBe("17 requests queued for it: a retry storm. Nothing is lost.");
});

test("while the network is down its cause is left to the banner", () => {
  const fix = { label: "Check the network", command: "switchyard network", method: "POST", path: "/v1/network/check" };
  const cause = { code: "network_down", title: "This machine's network is down", sentence: "", evidence: [], severity: 1, fix };
  const found = (scene: Scene) => findingsOf({ ...scenes[scene](), causes: [cause] }, Date.now(), true).map(({ key }) => key);
  expect(found("offline")).toEqual([]);
  expect(found("clear")).toEqual(["cause-network_down"]);
});

test("a long list of evidence is cut short and counted", () => {
  const snapshot = scenes.storm();
  snapshot.causes = [{ ...snapshot.causes[0]!, evidence: ["a", "b", "c", "d"] }];
  expect(findingsOf(snapshot, snapshot.atMs, true)[0]?.evidence).toEqual(["a", "b", "and 2 more"]);
});

test("what the banner already says is not said twice", () => {
  expect(findings("failover", true)).toEqual([]);
  expect(findings("failover", false).map((finding) => finding.incident)).toEqual([27]);
  // The move's reason is its trigger's.
  expect(findings("leaving", true)).toEqual([]);
});

test("an incident that just ended can still be opened, and a trigger says how it recovers", () => {
  expect(findings("closed", false)).toMatchObject([{ lamp: "clear", incident: 27 }]);
  expect(findings("lowered", false)[0]?.text).toMatch(/Recovers below 2\.5 % for 2 min\.$/);
});

test("every kind of override is listed, each with its way back", () => {
  const snapshot = scenes.overrides();
  snapshot.overrides.except = [{ provider: "openai", actor: "cli", atMs: 1 }];
  snapshot.overrides.allOff = { actor: "cli", atMs: 1 };
  const list = overridesOf(snapshot.overrides, scenes.distribution().distribution);
  expect(list.map((entry) => [entry.title, entry.detail, entry.takeBack.kind])).toEqual([
    ["Everything is switched off", "Each request gets an immediate refusal.", "allOff"],
    ["Without openai", "No job uses this provider.", "except"],
    ["Provider google out of service", "Requests pass it by.", "kill"],
    ["Circuit of gpt-4o-mini held closed", "Failures are counted and do not open it.", "breaker"],
    ["Models of rag-answer", "gpt-4o-mini, then haiku-4.5", "job"],
    ["Providers of n8n", "Only anthropic", "client"],
    ["Traffic is split by hand", "anthropic 50 %, openai 30 %, google 20 %", "distribution"],
  ]);
  expect(overridesOf({ version: 1 }, null)).toEqual([]);
});
