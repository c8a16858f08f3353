/** The whole window on a fake router: what a person sees and does. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test } from "vitest";

import { type Scene, scenes } from "../dev/scenes";
import { Refusal } from "./api/refusal";
import App from "./App.svelte";
import { testid } from "./shared/testids";
import { link } from "./state/link.svelte";
import { place } from "./state/screen.svelte";
import { FakeHost } from "./testing/fake-host";

let seq = 10_000;
const show = (host: FakeHost, scene: Scene) => host.send({ ...scenes[scene](), seq: ++seq });
const at = (id: string) => screen.findByTestId(id);

beforeEach(() => place.go("signal-box"));
afterEach(cleanup);

test("failover moves the lit path from Hot to Warm and says so", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("true");
  expect((await at(testid.statusState)).textContent).toBe("All clear.");
  expect(screen.queryByTestId(testid.banner)).toBeNull();
  expect((await at(testid.route("anthropic/sonnet-4.6"))).dataset).toMatchObject({ circuit: "closed", next: "true" });

  show(host, "failover");
  await waitFor(async () => expect((await at(testid.tier("warm"))).dataset["inUse"]).toBe("true"));
  expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("false");
  expect((await at(testid.route("anthropic/sonnet-4.6"))).dataset).toMatchObject({ circuit: "open", next: "false" });
  expect((await at(testid.route("openai/gpt-4o-mini"))).dataset["next"]).toBe("true");
  expect((await at(testid.statusState)).textContent).toBe("Running on Warm.");
  const banner = await at(testid.banner);
  expect(within(banner).getByRole("alert").textContent).toBe("Running on Warm. anthropic: 529 overloaded.");
  expect(banner.textContent).toContain("212 requests kept · 0 lost");
});

test("the diagram reads as a list", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  const lane = await screen.findByRole("list", { name: "Hot, in use" });
  const names = within(lane).getAllByRole("article").map((article) => article.getAttribute("aria-label"));
  expect(names[0]).toBe("Hot, 1 of 2, sonnet-4.6, anthropic, clear, weight 90, 0.2 % errors, takes traffic");
});

test("the kill switch asks first, then takes the route out of service", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  const flip = await at(testid.killSwitch("anthropic/sonnet-4.6"));
  expect(flip.getAttribute("aria-checked")).toBe("true");
  await fireEvent.click(flip);
  await screen.findByText("Take sonnet-4.6 out of service?");
  expect(host.asked.filter((asked) => asked.method === "PUT")).toEqual([]);
  await fireEvent.click(await at(testid.confirm));
  await waitFor(() =>
    expect(host.asked).toContainEqual({ method: "PUT", path: "/v1/routes/switch", body: { route: "anthropic/sonnet-4.6", inService: false } }),
  );
});

test("Cancel leaves the route alone", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  await fireEvent.click(await at(testid.killSwitch("anthropic/sonnet-4.6")));
  await fireEvent.click(await screen.findByText("Cancel"));
  await waitFor(() => expect(screen.queryByTestId(testid.confirm)).toBeNull());
  expect(host.asked.filter((asked) => asked.method === "PUT")).toEqual([]);
});

test("pause by key and by button, resume by the same button", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  await at(testid.pause);
  await fireEvent.keyDown(window, { key: "p", ctrlKey: true });
  await waitFor(() => expect(host.asked.at(-1)).toMatchObject({ method: "POST", path: "/v1/pause" }));
  show(host, "paused");
  await waitFor(async () => expect((await at(testid.pause)).dataset["paused"]).toBe("true"));
  expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("false");
  await fireEvent.click(await at(testid.pause));
  await waitFor(() => expect(host.asked.at(-1)).toMatchObject({ method: "POST", path: "/v1/resume" }));
});

test("in demo a fault is set on a simulated provider", async () => {
  const host = new FakeHost({ "GET /v1/sim/providers": { status: 200, body: [{ name: "anthropic", faults: [] }] } });
  render(App);
  show(host, "wide");
  const select = await at(testid.fault("anthropic"));
  await fireEvent.change(select, { target: { value: "500" } });
  await waitFor(() =>
    expect(host.asked).toContainEqual({ method: "PUT", path: "/v1/sim/providers/anthropic/fault", body: { fault: { type: "status", code: 500 } } }),
  );
});

test("the first run offers simulated providers, and a refusal is said", async () => {
  const host = new FakeHost({ "POST /v1/map/demo": { status: 404, body: { code: "no_sim", message: "This router has no simulated providers." } } });
  render(App);
  show(host, "firstRun");
  await fireEvent.click(await at(testid.demoStart));
  expect((await at(testid.toast)).textContent).toContain("This router has no simulated providers.");
  expect(screen.queryByTestId(testid.tier("hot"))).toBeNull();
});

test("a pasted key is stored, tested, and gone from the field", async () => {
  const host = new FakeHost({ "POST /v1/credentials/google/test": { status: 200, body: { ok: false, message: "google answered 401. Paste a new key." } } });
  render(App);
  show(host, "clear");
  place.go("providers", "google");
  const input = (await at(testid.keyInput)) as HTMLInputElement;
  expect(input.type).toBe("password");
  await fireEvent.input(input, { target: { value: " sk-test " } });
  await fireEvent.click(await at(testid.keySave));
  await screen.findByText(/google answered 401/);
  expect(host.asked).toContainEqual({ method: "PUT", path: "/v1/credentials/google", body: { value: "sk-test" } });
  expect(input.value).toBe("");
});

test("without a keychain nothing can be pasted, and the ways out are named", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "wide");
  place.go("providers");
  expect(((await at(testid.keyInput)) as HTMLInputElement).disabled).toBe(true);
  expect(await screen.findByText(/ANTHROPIC_API_KEY/)).toBeTruthy();
  await screen.findByText("Retry");
});

test.each(["requests", "queue", "budget", "map", "settings", "providers"] as const)("the %s screen draws", async (name) => {
  const host = new FakeHost({
    "GET /v1/requests": { status: 200, body: scenes.clear().requests },
    "GET /v1/queue": { status: 200, body: [] },
    "GET /v1/map": { status: 200, body: { version: 14, name: "production", document: "{}", format: "json", appliedAtMs: 1, source: "cli", reason: null } },
    "GET /v1/map/versions": { status: 200, body: [] },
  });
  render(App);
  show(host, "clear");
  await fireEvent.keyDown(window, { key: String(["signal-box", "requests", "queue", "budget", "map", "providers", "settings"].indexOf(name) + 1), ctrlKey: true });
  expect((await at(testid.nav(name))).getAttribute("aria-current")).toBe("page");
  await waitFor(() => expect(screen.queryByText("This screen could not be drawn")).toBeNull());
  // A second snapshot must not upset a screen that keeps its own list.
  show(host, "failover");
  await waitFor(async () => expect((await at(testid.statusState)).textContent).toBe("Running on Warm."));
  expect(screen.queryByText("This screen could not be drawn")).toBeNull();
});

test("arrows move in a list and take the focus along", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  place.go("providers");
  const first = await at(testid.provider("anthropic"));
  first.focus();
  await fireEvent.keyDown(first, { key: "j" });
  await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId(testid.provider("openai"))));
  expect(place.item).toBe("openai");
});

test("a lost line shows the last figures unlit, and pause is out of reach", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  await at(testid.tier("hot"));
  host.end();
  await waitFor(async () => expect((await at(testid.statusState)).textContent).toBe("Not connected."));
  expect((await at(testid.tier("hot"))).dataset["inUse"]).toBe("false");
  expect((await at(testid.route("anthropic/sonnet-4.6"))).textContent).toContain("Not known");
  expect(((await at(testid.pause)) as HTMLButtonElement).disabled).toBe(true);
  expect(within(await at(testid.banner)).getByText("Try now")).toBeTruthy();
});

test("a start problem is the heading of the window, with what to do", async () => {
  const host = new FakeHost();
  render(App);
  host.fail(new Refusal("port_busy", "Port 4310 is held by nginx (process 812). Stop it, or choose another port with `--port`.", 503));
  if (link.snapshot === null) await screen.findByRole("heading", { name: "The proxy port is taken" });
  await waitFor(async () => expect((await at(testid.statusState)).textContent).toBe("The proxy port is taken."));
  expect(document.body.textContent).toContain("held by nginx (process 812)");
  expect(screen.getByText("Try now")).toBeTruthy();
});

test("the arrows choose a tab, and one tab alone is a stop of the Tab key", async () => {
  const host = new FakeHost();
  render(App);
  show(host, "clear");
  const openai = await screen.findByRole("tab", { name: "OpenAI" });
  expect(openai.tabIndex).toBe(0);
  expect(screen.getByRole("tab", { name: "Anthropic" }).tabIndex).toBe(-1);
  openai.focus();
  await fireEvent.keyDown(openai, { key: "ArrowRight" });
  await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("tab", { name: "Anthropic" })));
  expect(screen.getByRole("tabpanel", { name: "Anthropic" }).textContent).toContain("ANTHROPIC_BASE_URL");
});
