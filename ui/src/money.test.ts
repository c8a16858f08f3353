/** Money in the whole window: the gauge, the pauses and how they end, the Budget screen in each of its states. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test } from "vitest";

import { sampleSpend } from "../dev/money";
import { type Scene, scenes } from "../dev/scenes";
import type { Reply } from "./api/host";
import App from "./App.svelte";
import { testid } from "./shared/testids";
import { place } from "./state/screen.svelte";
import { sheets } from "./state/sheet.svelte";
import { FakeHost } from "./testing/fake-host";

let seq = 20_000;
const show = (host: FakeHost, scene: Scene) => host.send({ ...scenes[scene](), seq: ++seq });
const at = (id: string) => screen.findByTestId(id);
const ok = (body: unknown): Reply => ({ status: 200, body });
const resumes = (host: FakeHost) => host.asked.filter(({ path }) => path.endsWith("/resume"));

const opened = { opened: ["total/monthUsd"], stillReached: [], lifted: ["budget/total/monthUsd"] };
const answers = {
  "GET /v1/budget": ok({ budgets: [], pauses: [], breaches: 0 }),
  "GET /v1/budget/spend": ok(sampleSpend("provider")),
  "POST /v1/budget/resume": ok(opened),
};

beforeEach(() => {
  sheets.close();
  place.go("signal-box");
});
afterEach(cleanup);

test("the gauge shows the budget of everything and leads to it; without a cap there is none", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "budgets");
  const gauge = await at(testid.gauge);
  expect(gauge.getAttribute("href")).toBe("#/budget/total%2FmonthUsd");
  expect(gauge.getAttribute("aria-label")).toMatch(/^The monthly budget: \$63\.50 of \$100, resets .*\. Open the budget$/);
  expect(gauge.title).toContain("Up to $0.30 of it may have been spent before a crash");
  expect(within(gauge).getByRole("meter").getAttribute("aria-valuetext")).toBe("$63.50 of $100, 63 % used, pause mark at 80 %");
  expect(await screen.findByLabelText("Budget", { selector: "section" })).toBeTruthy();
  show(host, "uncapped");
  await waitFor(() => expect(screen.queryByTestId(testid.gauge)).toBeNull());
  expect(screen.queryByLabelText("Budget", { selector: "section" })).toBeNull();
});

test("a snapshot from before there were budgets draws as well", async () => {
  const host = new FakeHost(answers);
  render(App);
  const { budgets: _, ...old } = scenes.clear();
  host.send({ ...old, pause: { paused: false }, seq: ++seq });
  place.go("budget");
  await screen.findByText("Set a cap");
  expect(screen.queryByTestId(testid.gauge)).toBeNull();
});

test.each<[string, () => Promise<unknown>]>([
  ["the banner", async () => fireEvent.click(await at(testid.bannerAction("resumeMoney")))],
  ["the top bar", async () => fireEvent.click(await at(testid.pause))],
  ["the key", async () => fireEvent.keyDown(window, { key: "p", ctrlKey: true })],
])("work at the mark goes on by %s: the money is resumed, not the person's pause", async (_, press) => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "marked");
  await at(testid.banner);
  await press();
  await waitFor(() => expect(resumes(host)).toEqual([{ method: "POST", path: "/v1/budget/resume", body: { scope: "total", reason: "resumed in the window" } }]));
  expect((await screen.findAllByText("New work is taken again")).length).toBeGreaterThan(0);
});

test("a person's pause is taken back first where money holds as well", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "pausedTwice");
  await fireEvent.click(await at(testid.bannerAction("resume")));
  await waitFor(() => expect(resumes(host).map(({ path }) => path)).toEqual(["/v1/resume"]));
});

test("a pause of a part leaves the top bar's button a pause", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "partPaused");
  expect((await at(testid.pause)).textContent).toContain("Pause");
  await fireEvent.click(await at(testid.pause));
  await waitFor(() => expect(host.asked.at(-1)).toMatchObject({ method: "POST", path: "/v1/pause" }));
});

test("what is used up asks how much more, and says when that is not enough", async () => {
  let answer: object = { opened: [], stillReached: ["total/monthUsd"], lifted: [] };
  const host = new FakeHost({ ...answers, "POST /v1/budget/resume": () => ok(answer) });
  render(App);
  show(host, "reached");
  const button = await at(testid.bannerAction("resumeMoney"));
  expect(button.textContent).toContain("Allow more…");
  await fireEvent.click(button);
  const input = (await at(testid.allowUsd)) as HTMLInputElement;
  const submit = (await at(testid.submit)) as HTMLButtonElement;
  expect(submit.disabled).toBe(true);
  expect(resumes(host)).toEqual([]);
  await fireEvent.input(input, { target: { value: "0.40" } });
  await screen.findByText("$0.40 above the cap is spent already; more than that is needed.");
  expect(submit.disabled).toBe(true);
  await fireEvent.input(input, { target: { value: "0.41" } });
  await fireEvent.click(submit);
  await screen.findByText(/The monthly budget is still used up\. Nothing is left of it\. Allow more/);
  answer = opened;
  await fireEvent.input(input, { target: { value: "$20" } });
  await fireEvent.input(await at(testid.reason), { target: { value: "launch day" } });
  await fireEvent.click(submit);
  await waitFor(() => expect(screen.queryByTestId(testid.sheet)).toBeNull());
  expect(resumes(host).map(({ body }) => body)).toEqual([
    { scope: "total", overNanoUsd: 410_000_000, reason: "resumed in the window" },
    { scope: "total", overNanoUsd: 20_000_000_000, reason: "launch day" },
  ]);
});

test("the Budget screen lists every budget, each pause, and resumes one of them", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "partPaused");
  place.go("budget");
  const list = await screen.findByLabelText("Budgets", { selector: "[role=listbox]" });
  const names = [...list.children].map((option) => option.getAttribute("aria-label")?.split(",")[0]);
  expect(names).toEqual([
    "The monthly budget: $63.50 of $100", "The monthly budget of provider anthropic: $61.00 of $75", "The monthly budget of provider openai: $3.50 of $15",
    "The daily budget of app crawler: $5.02 of $5", "The daily token budget of job rag-answer: 412",
  ]);
  expect((await at(testid.budget("client/crawler/dayUsd"))).dataset["standing"]).toBe("reached");
  expect((await at(testid.pauseOf("webhook/google"))).textContent).toContain("Provider google reported that its budget runs out");
  await fireEvent.click(await at(testid.resumeOf("budget/provider/anthropic/monthUsd")));
  await waitFor(() => expect(resumes(host).at(-1)?.body).toEqual({ scope: "provider/anthropic", reason: "resumed in the window" }));
  await fireEvent.click(await at(testid.resumeOf("runaway/n8n")));
  await waitFor(() => expect(resumes(host).at(-1)?.body).toEqual({ scope: "client/n8n", reason: "resumed in the window" }));
  await fireEvent.click(await at(testid.resumeOf("budget/client/crawler/dayUsd")));
  await at(testid.allowUsd);
});

test("the arrows choose a budget, which is shown at full size and kept in the address", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "budgets");
  place.go("budget");
  const first = await at(testid.budget("total/monthUsd"));
  first.focus();
  await fireEvent.keyDown(first, { key: "ArrowDown" });
  await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId(testid.budget("provider/anthropic/monthUsd"))));
  expect(place.item).toBe("provider/anthropic/monthUsd");
  expect(await screen.findByLabelText("The monthly budget of provider anthropic", { selector: "section" })).toBeTruthy();
});

test("without a cap the screen tells how to set one, and still shows what was spent", async () => {
  const host = new FakeHost(answers);
  render(App);
  show(host, "uncapped");
  place.go("budget");
  await screen.findByText("Set a cap");
  expect(screen.getByText("switchyard map set budget.monthUsd=100")).toBeTruthy();
  expect(within(await at(testid.spend)).getByText("$54.90")).toBeTruthy();
  expect(within(await at(testid.spend)).getByText("$2.10 at assumed prices")).toBeTruthy();
});

test("a refused read is said with a way to try again; the budgets of the stream stay", async () => {
  const refused: Reply = { status: 503, body: { code: "prices_missing", message: "No price list can be read." } };
  const host = new FakeHost({ "GET /v1/budget": refused, "GET /v1/budget/spend": refused });
  render(App);
  show(host, "budgets");
  place.go("budget");
  expect((await screen.findAllByText("No price list can be read.")).length).toBe(2);
  expect(screen.getAllByText("Retry").length).toBe(2);
  expect(await at(testid.budget("total/monthUsd"))).toBeTruthy();
});

test("spend is asked for by what and since when; days and tabs by the arrows", async () => {
  const host = new FakeHost({ ...answers, "GET /v1/budget/spend": ok({ ...sampleSpend("day"), rows: [] }) });
  render(App);
  show(host, "budgets");
  place.go("budget");
  const query = () => new URLSearchParams(host.asked.findLast(({ path }) => path.startsWith("/v1/budget/spend"))?.path.split("?")[1]);
  const tab = await screen.findByRole("tab", { name: "Provider" });
  await waitFor(() => expect(query().get("by")).toBe("provider"));
  expect(Number(query().get("sinceMs"))).toBe(scenes.budgets().budgets?.[0]?.sinceMs);
  tab.focus();
  await fireEvent.keyDown(tab, { key: "End" });
  await waitFor(() => expect(query().get("by")).toBe("day"));
  await screen.findByText("Nothing was spent this month");
  const select = screen.getByLabelText("Over which time") as HTMLSelectElement;
  await fireEvent.change(select, { target: { value: "week" } });
  await waitFor(() => expect(Number(query().get("untilMs")) - Number(query().get("sinceMs"))).toBe(7 * 86_400_000));
  await screen.findByText("Nothing was spent in the last 7 days");
});

test("the cost of a request stands in the list and by each try", async () => {
  const host = new FakeHost({ "GET /v1/requests": ok(scenes.clear().requests) });
  render(App);
  show(host, "clear");
  const [, , , , , , fallen] = scenes.clear().requests;
  place.go("requests", fallen!.id);
  const row = await at(testid.request(fallen!.id));
  expect(row.lastElementChild?.textContent).toContain("$0.0006, assumed price");
  const detail = await screen.findByLabelText(`Request ${fallen!.id}`);
  expect(within(detail).getByText("<$0.0001")).toBeTruthy();
  expect(within(detail).getByText("assumed price")).toBeTruthy();
  expect(within(detail).getAllByText("–").length).toBe(2);
});
