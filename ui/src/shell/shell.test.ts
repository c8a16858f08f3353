import { expect, test } from "vitest";

import { scenes } from "../../dev/scenes";
import { Refusal } from "../api/refusal";
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
  expect(bannerOf("unauthorized", snapshot, 0, null)?.kind).toBe("unauthorized");
  expect(bannerOf("open", scenes.paused(), 0, null)).toMatchObject({ kind: "paused", text: "Paused in the window. Running requests finish." });
});

test("before the first figures the screen speaks, not a banner", () => {
  for (const state of ["opening", "lost", "closed", "unauthorized"] as const) expect(bannerOf(state, null, 0, null)).toBeNull();
});

test.each([
  ["port_busy", "The proxy port is taken"],
  ["database_locked", "The data directory is in use"],
  ["database_newer", "The data is from a newer Switchyard"],
  ["of_tomorrow", "The router could not start"],
])("a router that can't start is named by its problem: %s", (code, title) => {
  const problem = new Refusal(code, "Port 4310 is held by nginx (process 812). Stop it.", 503);
  const snapshot = scenes.clear();
  const banner = bannerOf("closed", snapshot, snapshot.atMs, Date.now() + 4_000, problem);
  expect(banner).toMatchObject({ kind: "closed", tone: "red", title });
  expect(banner?.text).toBe("Port 4310 is held by nginx (process 812). Stop it. Trying again in 4 s.");
  expect(statusOf("closed", null, problem)).toMatchObject({ lamp: "stop", state: `${title}.` });
});

test("a simulated provider has neither keys to check nor a vendor's page", () => {
  const real = scenes.failover();
  expect(bannerOf("open", real, real.atMs, null)).toMatchObject({ keyed: true });
  const snapshot = { ...real, router: { ...real.router, demo: true }, providers: real.providers.map((one) => ({ ...one, needsCredential: false })) };
  expect(bannerOf("open", snapshot, snapshot.atMs, null)).toMatchObject({ keyed: false, statusPage: null });
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
