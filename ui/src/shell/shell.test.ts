import { expect, test } from "vitest";

import { scenes } from "../../dev/scenes";
import { bannerOf } from "./banner";
import { commands, matching } from "./commands";
import { statusOf } from "./status";

test("the failover banner names the cause, keeps the promise and offers the vendor's page", () => {
  const snapshot = scenes.failover();
  const banner = bannerOf("open", snapshot, snapshot.atMs + 3_000, null);
  expect(banner?.title).toMatch(/^Running on Warm since \d\d:\d\d · 212 requests kept · 0 lost$/);
  expect(banner?.text).toBe("anthropic: 529 overloaded. Next test call in 15 s.");
  expect(banner).toMatchObject({ tone: "amber", provider: "anthropic", statusPage: "https://status.anthropic.com" });
});

test("no banner while all is clear or before the first map", () => {
  for (const scene of ["clear", "firstRun"] as const) {
    const snapshot = scenes[scene]();
    expect(bannerOf("open", snapshot, snapshot.atMs, null)).toBeNull();
  }
});

test("a lost line outranks what the last figures said", () => {
  const snapshot = scenes.failover();
  expect(bannerOf("lost", snapshot, snapshot.atMs, Date.now() + 4_000)).toMatchObject({ kind: "lost", tone: "blue" });
  expect(bannerOf("unauthorized", null, 0, null)?.kind).toBe("unauthorized");
  expect(bannerOf("open", scenes.paused(), 0, null)).toMatchObject({ kind: "paused", text: "Paused in the window. Running requests finish." });
});

test("the status sentence is the router's only while the line is open", () => {
  const snapshot = scenes.clear();
  expect(statusOf("open", snapshot).state).toBe("All clear.");
  expect(statusOf("lost", snapshot).state).toBe("Not connected.");
  expect(statusOf("lost", snapshot).lamp).toBe("unknown");
  expect(statusOf("opening", null).state).toBe("Connecting.");
});

test("commands are found by every word that was typed", () => {
  const found = matching(commands(), "theme dark").map((command) => command.title);
  expect(found).toEqual(["Dark theme"]);
  expect(matching(commands(), "").length).toBeGreaterThan(5);
});
