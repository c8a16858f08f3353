import { expect, test } from "vitest";

import { type Scene, scenes } from "../../dev/scenes";
import { link } from "../state/link.svelte";
import { bannerOf } from "./banner";
import { shiftWaits } from "./outage";
import { commands, matching } from "./commands";

const banner = (scene: Scene) => {
  const snapshot = scenes[scene]();
  return bannerOf("open", snapshot, snapshot.atMs, null);
};

test.each<[Scene, RegExp, RegExp, string[]]>([
  ["failover", /^Running on Warm since .* · 212 requests kept · 0 lost$/, /^anthropic: 529 overloaded\./, ["holdOnWarm", "statusPage", "incident"]],
  ["leaving", /^Traffic leaves anthropic: 50 % goes to the other routes · 212 requests kept · 0 lost$/, /limit 30 %\)\. Next step in \d+ s\.$/, ["hold", "failback", "incident"]],
  ["away", /^Running on Warm since .* · 212 requests kept · 0 lost$/, /^Held by hand since \d\d:\d\d\.$/, ["goOn", "failback", "incident"]],
  ["returning", /^Coming back to anthropic: 25 % is home/, /Next step in 2 min\.$/, ["hold", "incident"]],
  ["offline", /^This machine is offline$/, /4 held requests go out in order once you are online\.$/, ["queue", "checkNetwork"]],
  ["captivePortal", /^A sign-in page answers instead of the internet$/, /so this is your network\./, ["queue", "portal"]],
  ["allOff", /^Everything is switched off since \d\d:\d\d$/, /Customer data in a prompt\.$/, ["overrides", "switchOn"]],
  ["offInMap", /^Everything is switched off in the map$/, /its flags\.ai_enabled is false\.$/, ["editMap"]],
])("%s: the banner says it and offers %3$j", (scene, title, text, actions) => {
  const shown = banner(scene);
  expect(shown?.title).toMatch(title);
  expect(shown?.text).toMatch(text);
  expect(shown?.actions).toEqual(actions);
});

test("a shift's banner counts what went well since its incident began, not since the router stands on Hot", () => {
  const leaving = scenes.leaving();
  leaving.status = { ...leaving.status, kept: 9_000 };
  leaving.incidents = leaving.incidents.map((incident) => ({ ...incident, kept: 12 }));
  expect(bannerOf("open", leaving, leaving.atMs, null)?.title).toMatch(/ · 12 requests kept · 0 lost$/);
  leaving.incidents = [];
  expect(bannerOf("open", leaving, leaving.atMs, null)?.title).toMatch(/goes to the other routes$/);
  const away = scenes.away();
  away.incidents = [];
  expect(bannerOf("open", away, away.atMs, null)?.title).toMatch(/^Running on Warm since .* · 212 requests kept · 0 lost$/);
});

test.each<Scene>(["lowered", "distribution", "overrides", "closed"])("%s: nothing to do, no banner", (scene) => {
  expect(banner(scene)).toBeNull();
});

test("this machine's network is said before any provider is blamed, and blames none", () => {
  const snapshot = { ...scenes.failover(), network: scenes.offline().network! };
  const shown = bannerOf("open", snapshot, snapshot.atMs, null);
  expect(shown).toMatchObject({ kind: "network", tone: "blue" });
  expect(shown?.announce).toBe("This machine is offline. No provider is blamed for it.");
});

test.each([
  ["This machine is offline. Requests wait; nothing is laid to a provider.", "Nothing is laid to a provider. 4 held requests go out in order once you are online."],
  ["This network wants you to sign in: open http://login.cafe/hotspot. Requests wait.", "This network wants you to sign in: open http://login.cafe/hotspot. 4 held requests go out in order once you are online."],
])("the network's banner says nothing twice: %s", (sentence, text) => {
  const snapshot = scenes.offline();
  snapshot.network = { ...snapshot.network!, sentence };
  expect(bannerOf("open", snapshot, snapshot.atMs, null)?.text).toBe(text);
});

test("away and not held, the banner says what failback waits for", () => {
  const snapshot = scenes.away();
  snapshot.shifts = snapshot.shifts.map((shift) => ({ ...shift, held: null, waitsFor: "12 min more without a failure." }));
  expect(bannerOf("open", snapshot, snapshot.atMs, null)).toMatchObject({ text: "12 min more without a failure.", actions: ["hold", "failback", "incident"] });
});

test.each<[string, Scene, object, string]>([
  ["the next step with its share", "leaving", {}, "In 38 s 75 % goes to the other routes."],
  ["the last step", "leaving", { step: 2 }, "In 38 s all steps are done."],
  ["what comes home next", "returning", {}, "In 2 min 50 % is back on anthropic."],
  ["the end of the way home", "returning", { step: 3 }, "In 2 min all of it is back on anthropic."],
  ["the router's own hold", "leaving", { nextAtMs: null, held: { by: "router", reason: "too few calls.", sinceMs: Date.now() } }, "Held by the router since"],
  ["why a program holds it", "leaving", { held: { by: "api", reason: "lunch", sinceMs: Date.now() } }, "Held by the control API since"],
])("what a move waits for: %s", (_, scene, more, words) => {
  const snapshot = scenes[scene]();
  expect(shiftWaits({ ...snapshot.shifts[0]!, ...more }, snapshot.atMs)).toContain(words);
});

test("a part that was moved and stays is told by its share, not by who answers", () => {
  const snapshot = scenes.away();
  snapshot.shifts = snapshot.shifts.map((shift) => ({ ...shift, sharePercent: 30 }));
  expect(bannerOf("open", snapshot, snapshot.atMs, null)?.title).toMatch(/^30 % of anthropic's traffic goes to the other routes since/);
});

test("keys are offered only where a key can be the cause", () => {
  const snapshot = scenes.failover();
  for (const route of snapshot.tiers[0]!.routes) route.lastFailure = { kind: "key_rejected", status: 401, message: "invalid x-api-key" };
  expect(bannerOf("open", snapshot, snapshot.atMs, null)?.actions).toContain("keys");
});

test("the command list knows what can be done about traffic now", () => {
  const titles = (typed: string) => matching(commands(), typed).map((command) => command.title);
  link.take({ ...scenes.leaving(), seq: 500_001 });
  expect(titles("3, from anthropic")).toEqual(["Hold the move", "Start failback", "Bring all traffic back now"]);
  expect(titles("leave openai")).toEqual(["Leave openai out"]);
  expect(titles("circuit gpt-4o-mini")).toEqual(["Hold the circuit of openai/gpt-4o-mini"]);
  link.take({ ...scenes.allOff(), seq: 500_002 });
  expect(titles("all off")).toEqual(["Switch on again"]);
  expect(titles("failback")).toEqual([]);
});
