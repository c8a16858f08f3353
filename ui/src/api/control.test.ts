import { expect, test } from "vitest";

import { FakeHost } from "../testing/fake-host";
import { control } from "./control";
import { Refusal } from "./refusal";
import { readProviders, sim } from "./sim";
import { useHost } from "./transport";

test("a call goes out by method, path and body", async () => {
  const host = new FakeHost();
  await control.switchRoute("anthropic/sonnet-4.6", false);
  await control.removeCredential("open ai/2");
  expect(host.asked).toEqual([
    { method: "PUT", path: "/v1/routes/switch", body: { route: "anthropic/sonnet-4.6", inService: false } },
    { method: "DELETE", path: "/v1/credentials/open%20ai%2F2", body: undefined },
  ]);
});

test("a refused map keeps the code, the reason and every fault", async () => {
  const faults = [{ path: "warm[1].baseUrl", message: "GEMINI is not set" }];
  new FakeHost({ "PUT /v1/map": { status: 422, body: { code: "map_invalid", message: "The map was refused.", faults } } });
  const refusal = await control.applyMap("{}", 3, "why").catch((cause: unknown) => cause);
  expect(refusal).toBeInstanceOf(Refusal);
  expect(refusal).toMatchObject({ code: "map_invalid", message: "The map was refused.", status: 422, faults });
});

test("a router that does not answer is a refusal too", async () => {
  const host = new FakeHost();
  useHost({ ...host, ask: () => Promise.reject(new Error("connection refused")), watch: host.watch, openExternal: host.openExternal });
  await expect(control.resume()).rejects.toMatchObject({ code: "unreachable", status: 0 });
});

test("the simulated providers' errors are read out of their envelope", async () => {
  new FakeHost({ "PUT /v1/sim/providers/x/fault": { status: 404, body: { error: { code: "unknown_provider", message: "no such" } } } });
  await expect(sim.setFault("x", { type: "refuse" })).rejects.toMatchObject({ code: "unknown_provider", message: "no such" });
});

test("the list of simulated providers is read with its rules", () => {
  expect(readProviders([{ name: "a", faults: [{ fault: { type: "status", code: 500 }, model: null }] }, { name: "b", faults: [] }])).toEqual([
    { name: "a", fault: { type: "status", code: 500 } },
    { name: "b", fault: null },
  ]);
});
