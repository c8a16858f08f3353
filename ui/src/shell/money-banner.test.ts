import { expect, test } from "vitest";

import { type Scene, scenes } from "../../dev/scenes";
import { bannerOf } from "./banner";

const banner = (scene: Scene) => {
  const snapshot = scenes[scene]();
  return bannerOf("open", snapshot, snapshot.atMs, null);
};

test.each<[Scene, RegExp, RegExp, string[]]>([
  ["marked", /^The monthly budget is at its pause mark: new work waits since \d\d:\d\d$/, /^\$80\.12 of \$100 spent \(mark at 80 %\)\. It begins anew (at|on) .*\. Running requests finish\.$/, ["budget", "resumeMoney"]],
  ["reached", /^The monthly budget is used up: new work waits since \d\d:\d\d$/, /^\$100\.40 of \$100 spent\. It begins anew/, ["budget", "resumeMoney"]],
  ["partPaused", /^The daily budget of app crawler is used up: its new work waits since/, /3 other pauses of money stand, too\.$/, ["budget", "resumeMoney"]],
  ["paused", /^New work is paused since/, /^Paused in the window\. Running requests finish\.$/, ["resume"]],
  ["pausedTwice", /^New work is paused since/, /The monthly budget is at its pause mark, too: that is resumed apart\.$/, ["resume"]],
])("the banner of %s names its cause and offers what ends it", (scene, title, text, actions) => {
  const shown = banner(scene);
  expect(shown?.title).toMatch(title);
  expect(shown?.text).toMatch(text);
  expect(shown?.actions).toEqual(actions);
  expect(shown).toMatchObject({ tone: "blue", lamp: "paused" });
});

test("a provider's pause sends requests elsewhere and says so", () => {
  const snapshot = scenes.partPaused();
  const one = (cause: string) => {
    snapshot.pause.causes = snapshot.pause.causes!.filter((pause) => pause.cause === cause);
    const { title, text } = bannerOf("open", snapshot, snapshot.atMs, null) ?? {};
    snapshot.pause.causes = scenes.partPaused().pause.causes!;
    return [title?.replace(/ since .*/, ""), text];
  };
  expect(one("budget/provider/anthropic/monthUsd")[0]).toBe("The monthly budget of provider anthropic is at its pause mark: no new calls go there");
  expect(one("budget/provider/anthropic/monthUsd")[1]).toMatch(/Requests take other routes\.$/);
  expect(one("webhook/google")).toEqual(["Provider google reported that its budget runs out: no new calls go there", "Google says 83 % of its budget is used. Requests take other routes."]);
  expect(one("runaway/n8n")[0]).toBe("App n8n spends far more than it used to: its new work waits");
});

test("an outage outranks the pause of a part, and a pause of everything outranks an outage", () => {
  const snapshot = scenes.failover();
  snapshot.pause.causes = scenes.partPaused().pause.causes!;
  expect(bannerOf("open", snapshot, snapshot.atMs, null)?.kind).toBe("failover");
  const { pause, budgets } = scenes.marked();
  expect(bannerOf("open", { ...snapshot, pause, budgets: budgets! }, snapshot.atMs, null)?.kind).toBe("money");
});

test("without a budget's figures the banner still names it", () => {
  const snapshot = { ...scenes.marked(), budgets: [] };
  expect(bannerOf("open", snapshot, snapshot.atMs, null)).toMatchObject({ text: "$80.12 of $100 is spent. Running requests finish." });
});
