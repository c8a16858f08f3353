import { beforeEach, expect, test } from "vitest";

import { scenes } from "../../dev/scenes";
import { FakeHost } from "../testing/fake-host";
import { shelfOf } from "./jobs.svelte";
import { Load } from "./load.svelte";
import { map } from "./map.svelte";
import { mergeRequests } from "./requests.svelte";
import { address, readHash } from "./screen.svelte";
import { faultKey, faults, faultWord, simulated } from "./sim.svelte";

const running = { version: 3, name: "production", document: "{}", format: "json", appliedAtMs: 1, source: "cli", reason: null };
const answers = {
  "GET /v1/map": { status: 200, body: running },
  "GET /v1/map/versions": { status: 200, body: [] },
};

beforeEach(async () => {
  new FakeHost(answers);
  await map.follow();
  map.discard();
});

test("a refused map shows its faults and keeps the draft", async () => {
  const faults = [{ path: "hot[0].provider", message: "is empty" }];
  new FakeHost({ ...answers, "PUT /v1/map": { status: 422, body: { code: "map_invalid", message: "Refused.", faults } } });
  map.draft = '{"hot":[]}';
  expect(await map.apply("why")).toBeNull();
  expect(map.faults).toEqual(faults);
  expect(map.draft).toBe('{"hot":[]}');
  expect(map.changed).toBe(true);
});

test("an applied map names the version it was written against", async () => {
  const host = new FakeHost({ ...answers, "PUT /v1/map": { status: 200, body: { version: 4 } } });
  map.draft = '{"hot":[1]}';
  expect(await map.apply("why")).toBe(4);
  expect(host.asked.find((asked) => asked.method === "PUT")?.body).toMatchObject({ baseVersion: 3, reason: "why", source: "window" });
});

test("a stale draft is refused with the router's reason and kept", async () => {
  new FakeHost({ ...answers, "PUT /v1/map": { status: 409, body: { code: "stale_base_version", message: "v4 is running." } } });
  map.draft = "{ }";
  expect(await map.apply("")).toBeNull();
  expect(map.refusal).toMatchObject({ code: "stale_base_version", message: "v4 is running." });
  expect(map.draft).toBe("{ }");
});

test("following the running map does not overwrite edits", async () => {
  map.draft = "{ mine }";
  new FakeHost({ ...answers, "GET /v1/map": { status: 200, body: { ...running, version: 5, document: "{ theirs }" } } });
  await map.follow();
  expect(map.draft).toBe("{ mine }");
  map.discard();
  expect(map.draft).toBe("{ theirs }");
});

test("the router without a map is not an error", async () => {
  new FakeHost({ ...answers, "GET /v1/map": { status: 404, body: { code: "no_map", message: "none" } } });
  await map.follow();
  expect(map.running).toBeNull();
  expect(map.refusal).toBeNull();
});

test("the newest of two overlapping fetches wins", async () => {
  const resolvers: ((value: string) => void)[] = [];
  const load = new Load(() => new Promise<string>((resolve) => resolvers.push(resolve)));
  const first = load.refresh();
  const second = load.refresh();
  resolvers[1]?.("new");
  resolvers[0]?.("old");
  await Promise.all([first, second]);
  expect(load.data).toBe("new");
});

test("the stream's requests replace the fetched ones, newest first", () => {
  const [a, b, c] = scenes.clear().requests;
  const merged = mergeRequests([{ ...b!, status: 500 }], [c!, b!, a!]);
  expect(merged.map((request) => request.id)).toEqual([a!.id, b!.id, c!.id]);
  expect(merged[1]?.status).toBe(500);
});

test.each([
  ["#/queue", "queue", null],
  ["#/providers/open%20ai", "providers", "open ai"],
  ["#/requests/req_1", "requests", "req_1"],
  ["", "signal-box", null],
  ["#/nowhere", "signal-box", null],
])("the address %j is the screen %s", (hash, screen, item) => {
  expect(readHash(hash)).toEqual({ screen, item });
  if (item) expect(readHash(address(readHash(hash).screen, item))).toEqual({ screen, item });
});

test("each job state has its shelf", () => {
  expect((["waiting", "running", "dead", "expired", "done", "discarded"] as const).map(shelfOf)).toEqual(["open", "open", "dead", "dead", "finished", "finished"]);
});

test("a fault chosen in the list is the one shown afterwards", () => {
  for (const fault of faults) expect(faultKey(fault.fault)).toBe(fault.key);
  expect(faultKey({ type: "status", code: 503 })).toBe("other");
  expect(faultKey({ type: "html" })).toBe("other");
  expect(faultWord({ type: "status", code: 529 })).toBe("529 errors");
  expect(faultWord({ type: "slow_chunks" })).toBe("slow chunks");
});

test("None takes the fault away", async () => {
  const host = new FakeHost({ "GET /v1/sim/providers": { status: 200, body: [] } });
  await simulated.set("anthropic", "none");
  await simulated.set("anthropic", "429");
  expect(host.asked.filter((asked) => asked.method !== "GET")).toEqual([
    { method: "DELETE", path: "/v1/sim/providers/anthropic/fault", body: undefined },
    { method: "PUT", path: "/v1/sim/providers/anthropic/fault", body: { fault: { type: "status", code: 429, retryAfterS: 20 } } },
  ]);
});
