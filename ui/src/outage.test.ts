/** What a person does about an outage in the window, on a fake router. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { sampleIncident } from "../dev/incident";
import { type Scene, scenes } from "../dev/scenes";
import App from "./App.svelte";
import { testid } from "./shared/testids";
import { menus } from "./state/menu.svelte";
import { notices } from "./state/notices.svelte";
import { place } from "./state/screen.svelte";
import { sheets } from "./state/sheet.svelte";
import { FakeHost } from "./testing/fake-host";

let seq = 1_000_000;
const at = (id: string) => screen.findByTestId(id);
const click = async (id: string) => fireEvent.click(await at(id));
const type = async (label: string, value: string) => fireEvent.input(await screen.findByLabelText(label), { target: { value } });

/** The window on a scene. */
function open(scene: Scene, answers: ConstructorParameters<typeof FakeHost>[0] = {}): FakeHost {
  const host = new FakeHost(answers);
  render(App);
  show(host, scene);
  return host;
}
const show = (host: FakeHost, scene: Scene) => host.send({ ...scenes[scene](), seq: ++seq });
const sent = (host: FakeHost) => host.asked.filter((asked) => asked.method !== "GET");
const lastSent = (host: FakeHost, expected: object) => waitFor(() => expect(sent(host).at(-1)).toEqual(expected));

beforeEach(() => {
  place.go("signal-box");
  sheets.close();
  menus.close();
  for (const notice of notices.list) notices.close(notice.id);
});
afterEach(cleanup);

test("a shift is held, let go on, and sent home from the banner", async () => {
  const host = open("leaving");
  const panel = await at(testid.shift(3));
  expect(panel.dataset).toMatchObject({ phase: "leaving", held: "false" });
  expect(within(panel).getByRole("progressbar").getAttribute("aria-valuenow")).toBe("50");
  expect(panel.textContent).toContain("41 calls · 100 % good · p95 2.06 s");
  await click(testid.bannerAction("hold"));
  await lastSent(host, { method: "POST", path: "/v1/shifts/3/hold", body: { held: true, reason: "decided by hand" } });
  show(host, "away");
  await click(testid.bannerAction("goOn"));
  await lastSent(host, { method: "POST", path: "/v1/shifts/3/hold", body: { held: false, reason: "decided by hand" } });
  await click(testid.bannerAction("failback"));
  await lastSent(host, { method: "POST", path: "/v1/shifts/3/failback", body: { now: false, reason: "decided by hand" } });
});

test("bringing all traffic back at once is asked first", async () => {
  const host = open("returning");
  await fireEvent.click(await screen.findByText("All back now"));
  await screen.findByText("Bring all traffic back to anthropic now?");
  expect(sent(host)).toEqual([]);
  await click(testid.confirm);
  await lastSent(host, { method: "DELETE", path: "/v1/shifts/3", body: undefined });
});

test("the diagram follows a move: both lanes lit with their shares, then one", async () => {
  const host = open("leaving");
  const hot = await at(testid.tier("hot"));
  await waitFor(() => expect(hot.dataset["inUse"]).toBe("true"));
  expect((await at(testid.tier("warm"))).dataset["inUse"]).toBe("true");
  expect(hot.textContent).toContain("50 %");
  show(host, "away");
  await waitFor(() => expect(hot.dataset).toMatchObject({ inUse: "false", state: "away" }));
});

test("Hold on Warm, where only breakers moved traffic, makes it a move that stays", async () => {
  const host = open("failover", { "POST /v1/shifts": { status: 200, body: { id: 8 } } });
  await click(testid.bannerAction("holdOnWarm"));
  await lastSent(host, { method: "POST", path: "/v1/shifts/8/hold", body: { held: true, reason: "decided by hand" } });
  expect(sent(host)[0]).toMatchObject({ path: "/v1/shifts", body: { from: "hot", to: "warm", mode: "immediate" } });
});

test("traffic is moved by hand from a station's menu, with a reason", async () => {
  const host = open("clear", { "POST /v1/shifts": { status: 200, body: { id: 4 } } });
  await click(testid.menu("openai/gpt-4o-mini"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: "Move traffic off openai" }));
  const submit = (await at(testid.submit)) as HTMLButtonElement;
  expect(submit.disabled).toBe(true);
  expect((await at(testid.sheet)).textContent).toContain("A reason is missing.");
  await fireEvent.click(await screen.findByRole("radio", { name: /^Canary/ }));
  await type("Share", "25");
  await type("Reason", " their region is slow ");
  await fireEvent.submit(submit.form!);
  await lastSent(host, { method: "POST", path: "/v1/shifts", body: { from: "provider:openai", mode: "canary", percent: 25, reason: "their region is slow" } });
  await waitFor(() => expect(screen.queryByTestId(testid.sheet)).toBeNull());
});

test("a refused move keeps the sheet, with the router's reason", async () => {
  open("clear", { "POST /v1/shifts": { status: 409, body: { code: "nowhere_to_go", message: "Every other route is out of use." } } });
  await click(testid.menu("hot"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: "Move traffic off Hot" }));
  await type("Reason", "test");
  await fireEvent.submit(((await at(testid.submit)) as HTMLButtonElement).form!);
  await screen.findByText("Every other route is out of use.");
  expect(screen.queryByTestId(testid.sheet)).toBeTruthy();
});

test.each([
  ["Take provider anthropic out", "/v1/overrides/kill", { scope: { kind: "provider", name: "anthropic" }, on: true, reason: "why", forMs: 3_600_000 }],
  ["Take sonnet-4.6 out of service", "/v1/overrides/kill", { scope: { kind: "route", name: "anthropic/sonnet-4.6" }, on: true, reason: "why", forMs: 3_600_000 }],
  ["Hold the circuit by hand", "/v1/overrides/breaker", { route: "anthropic/sonnet-4.6", state: "open", reason: "why", forMs: 3_600_000 }],
  ["Leave anthropic out of every job", "/v1/overrides/except", { provider: "anthropic", on: true, reason: "why", forMs: 3_600_000 }],
])("%s: with a reason and an end", async (item, path, body) => {
  const host = open("clear");
  await click(testid.menu("anthropic/sonnet-4.6"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: item }));
  const submit = (await at(testid.submit)) as HTMLButtonElement;
  expect(submit.disabled).toBe(true);
  await type("Reason", "why");
  await fireEvent.submit(submit.form!);
  await lastSent(host, { method: "POST", path, body });
});

test("what an order leaves without a route is said", async () => {
  open("clear", { "POST /v1/overrides/except": { status: 200, body: { changed: true, warnings: ["rag-answer has nothing but Cold left."], overrides: { version: 2 } } } });
  await click(testid.menu("anthropic/sonnet-4.6"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: "Leave anthropic out of every job" }));
  await type("Reason", "why");
  await fireEvent.submit(((await at(testid.submit)) as HTMLButtonElement).form!);
  expect((await at(testid.toast)).textContent).toContain("rag-answer has nothing but Cold left.");
});

test("overrides are counted on the map and taken back one by one", async () => {
  const host = open("overrides");
  const chip = await at(testid.overrides);
  expect(chip.textContent).toBe("4 overrides");
  await fireEvent.click(chip);
  const kill = await at(testid.override("kill-provider-google"));
  expect(kill.textContent).toMatch(/bad answers since noon.*window, .*lapses in/);
  await fireEvent.click(within(kill).getByText("Take back"));
  await lastSent(host, { method: "POST", path: "/v1/overrides/kill", body: { scope: { kind: "provider", name: "google" }, on: false, reason: "taken back in the window", forMs: null } });
  await fireEvent.click(within(await at(testid.override("job-rag-answer"))).getByText("Take back"));
  await lastSent(host, { method: "PUT", path: "/v1/overrides/jobs?reason=taken%20back%20in%20the%20window", body: { "rag-answer": null } });
  await fireEvent.click(within(await at(testid.override("client-n8n"))).getByText("Take back"));
  await lastSent(host, { method: "POST", path: "/v1/overrides/client-bounds", body: { client: "n8n", only: null, reason: "taken back in the window" } });
});

test("the switch of a route that is out with its provider puts the provider back", async () => {
  const host = open("overrides");
  await click(testid.killSwitch("google/gemini-3-flash"));
  await screen.findByText("Put provider google back in service?");
  await click(testid.confirm);
  await lastSent(host, { method: "POST", path: "/v1/overrides/kill", body: { scope: { kind: "provider", name: "google" }, on: false, reason: "put back in the window", forMs: null } });
});

test("everything is switched off from the command list, with a reason, and on from the banner", async () => {
  const host = open("clear");
  await at(testid.tier("hot"));
  await fireEvent.keyDown(window, { key: "k", ctrlKey: true });
  await fireEvent.input(await screen.findByRole("combobox"), { target: { value: "everything off" } });
  await fireEvent.click(await screen.findByRole("option", { name: /Switch everything off/ }));
  await type("Reason", "customer data in a prompt");
  await fireEvent.submit(((await at(testid.submit)) as HTMLButtonElement).form!);
  await lastSent(host, { method: "POST", path: "/v1/overrides/all-off", body: { on: true, reason: "customer data in a prompt" } });
  show(host, "allOff");
  await waitFor(async () => expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("false"));
  await click(testid.bannerAction("switchOn"));
  await lastSent(host, { method: "POST", path: "/v1/overrides/all-off", body: { on: false, reason: "switched on in the window" } });
});

test("a map that switches everything off lights no lane, holds the siding, and sends you to the map", async () => {
  const host = open("clear");
  await waitFor(async () => expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("true"));
  const clear = scenes.clear();
  const cold = { ...clear.cold, waiting: 2, nextAttemptAtMs: clear.atMs - 5_000 };
  host.send({ ...clear, seq: ++seq, map: { ...clear.map, off: true }, cold });
  await waitFor(async () => expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("false"));
  expect((await at(testid.tier("cold"))).textContent).toContain("next attempt when on");
  await click(testid.bannerAction("editMap"));
  expect(place.screen).toBe("map");
});

test("a cause's fix is one click, and is exactly the router's call", async () => {
  const host = open("storm");
  const cause = await at(testid.cause("retry_storm"));
  expect(cause.textContent).toContain("61 % fell back (limit 30 %)");
  await click(testid.fix("retry_storm"));
  await lastSent(host, { method: "POST", path: "/v1/map/set", body: { changes: { "retry.attempts": 1 }, reason: "retry storm" } });
});

test("offline: the entrance holds, no route is judged, the checks are shown, a provider is not blamed", async () => {
  const host = open("captivePortal");
  expect((await at(testid.route("anthropic/sonnet-4.6"))).textContent).toContain("Not probed");
  expect((await at(testid.tier("hot"))).dataset["state"]).toBe("dark");
  expect(screen.getByText("4 held")).toBeTruthy();
  expect(screen.queryByTestId(testid.lastRequests)).toBeNull();
  expect(within(screen.getByLabelText("Network checks")).getByText("302 to login.cafelisboa.pt")).toBeTruthy();
  const foot = await at(testid.networkLine);
  expect(foot.dataset["state"]).toBe("captive_portal");
  expect(foot.textContent).toContain("Café Lisboa · sign in");
  await fireEvent.click(screen.getByText("Check network"));
  await lastSent(host, { method: "POST", path: "/v1/network/check", body: undefined });
  await click(testid.bannerAction("portal"));
  expect(host.opened).toEqual(["https://login.cafelisboa.pt/hotspot"]);
});

test("offline, a route on this machine still serves", async () => {
  const host = open("clear");
  const snapshot = { ...scenes.offline(), seq: ++seq };
  const local = { ...snapshot.tiers[1]!.routes[0]!, host: "127.0.0.1:11434", next: true };
  snapshot.tiers = [snapshot.tiers[0]!, { ...snapshot.tiers[1]!, inUse: true, routes: [local] }];
  await at(testid.tier("hot"));
  host.send(snapshot);
  await waitFor(async () => expect((await at(testid.tier("warm"))).dataset["inUse"]).toBe("true"));
  expect((await at(testid.route(local.id))).textContent).not.toContain("Not probed");
});

test("Why? lists the reasons with their times, for the path and for a station", async () => {
  open("leaving");
  await fireEvent.click(await screen.findByText("Why?"));
  const list = await screen.findByRole("list", { name: "Reasons, newest first" });
  expect(within(list).getAllByRole("listitem")[1]?.textContent).toMatch(/^\d\d:\d\d:\d\d .*34 % of 212 calls failed/);
  await fireEvent.click(screen.getByLabelText("Close"));
  await click(testid.menu("anthropic/sonnet-4.6"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: "Why is it here?" }));
  await screen.findByText("Shift 3 sends 50 % of its requests to the other routes.");
});

test("an incident is read, noted, copied as Markdown and closed", async () => {
  const copied = vi.fn(async (_text: string) => {});
  vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText: copied }, platform: "Linux", language: "en" });
  const host = open("failover", {
    "GET /v1/incidents/27": { status: 200, body: sampleIncident(scenes.failover()) },
    "GET /v1/incidents/27/report": { status: 200, body: { markdown: "# Incident 27\n" } },
  });
  await click(testid.bannerAction("incident"));
  await screen.findByText("First 529 from anthropic");
  expect((await at(testid.sheet)).textContent).toContain("212 kept, 0 lost");
  await type("Note", "Wrote to support");
  await fireEvent.click(screen.getByText("Add note"));
  await lastSent(host, { method: "POST", path: "/v1/incidents/27/notes", body: { text: "Wrote to support" } });
  await fireEvent.click(screen.getByText("Copy report"));
  await waitFor(() => expect(copied).toHaveBeenCalledWith("# Incident 27\n"));
  await fireEvent.click(screen.getByText("Close incident"));
  await click(testid.confirm);
  await lastSent(host, { method: "POST", path: "/v1/incidents/27/close", body: { reason: "closed in the window" } });
  vi.unstubAllGlobals();
});

test("two notes of one moment are both shown", async () => {
  const incident = sampleIncident(scenes.failover());
  const note = (text: string) => ({ atMs: incident.beganAtMs, actor: "api", text });
  open("failover", { "GET /v1/incidents/27": { status: 200, body: { ...incident, notes: [note("Wrote to support"), note("They answered")] } } });
  await click(testid.bannerAction("incident"));
  await screen.findByText("Wrote to support");
  await screen.findByText("They answered");
});

test("an incident that can't be read says why, and can be asked for again", async () => {
  const host = open("failover", { "GET /v1/incidents/27": { status: 404, body: { code: "no_incident", message: "There is no incident 27." } } });
  await click(testid.bannerAction("incident"));
  await screen.findByText("There is no incident 27.");
  const before = host.asked.length;
  await fireEvent.click(screen.getByText("Retry"));
  await waitFor(() => expect(host.asked.length).toBe(before + 1));
});

test("a menu moves by arrows and closes without doing anything", async () => {
  const host = open("clear");
  await click(testid.menu("hot"));
  const items = await screen.findAllByRole("menuitem");
  await waitFor(() => expect(document.activeElement).toBe(items[0]));
  await fireEvent.keyDown(items[0]!, { key: "ArrowDown" });
  expect(document.activeElement).toBe(items[1]);
  await fireEvent.keyDown(items[1]!, { key: "End" });
  expect(document.activeElement).toBe(items.at(-1));
  menus.close();
  await waitFor(() => expect(screen.queryByRole("menuitem")).toBeNull());
  expect(sent(host)).toEqual([]);
});

test("weights are set by hand and taken back", async () => {
  const host = open("distribution");
  await screen.findByLabelText("Split by hand");
  await click(testid.menu("warm"));
  await fireEvent.click(await screen.findByRole("menuitem", { name: "Split traffic by hand" }));
  await type("anthropic", "60");
  expect((await at(testid.sheet)).textContent).toContain("The shares add up to 110 %, not 100 %.");
  await type("openai", "20");
  await type("Reason", "try");
  await fireEvent.submit(((await at(testid.submit)) as HTMLButtonElement).form!);
  await lastSent(host, { method: "PUT", path: "/v1/distribution", body: { weights: { anthropic: 60, openai: 20, google: 20 }, reason: "try", transitionMs: 60_000 } });
  await fireEvent.click(within(screen.getByLabelText("Split by hand")).getByText("Take back"));
  await lastSent(host, { method: "PUT", path: "/v1/distribution", body: { weights: {}, reason: "taken back in the window" } });
});
