import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { scenes } from "../../dev/scenes";
import { Refusal } from "../api/refusal";
import { FakeHost } from "../testing/fake-host";
import { backoff, link } from "./link.svelte";

let stop: () => void;
let host: FakeHost;

beforeEach(() => {
  vi.useFakeTimers();
  host = new FakeHost();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

test("a lost line keeps the last figures, is said, and heals by itself", async () => {
  stop = link.start();
  host.send({ ...scenes.clear(), seq: 1 });
  expect(link.state).toBe("open");
  host.end();
  await settle();
  expect(link.state).toBe("lost");
  expect(link.snapshot?.seq).toBe(1);
  expect(link.retryAt).not.toBeNull();
  await vi.advanceTimersByTimeAsync(backoff(0));
  expect(host.watches).toBe(2);
  host.send({ ...scenes.clear(), seq: 2 });
  expect(link.state).toBe("open");
  expect(link.retryAt).toBeNull();
});

test("a late snapshot does not turn the clock back, a restarted router does", async () => {
  stop = link.start();
  const now = scenes.clear();
  host.send({ ...now, seq: 100 });
  host.send({ ...now, seq: 99, map: { ...now.map, version: 1 } });
  expect(link.snapshot?.seq).toBe(100);
  host.send({ ...now, seq: 1, router: { ...now.router, pid: 9999 } });
  expect(link.snapshot?.seq).toBe(1);
});

test("a refused token is not a lost line, and trying again waits longer each time", async () => {
  stop = link.start();
  host.end("unauthorized");
  await settle();
  expect(link.state).toBe("unauthorized");
  await vi.advanceTimersByTimeAsync(backoff(0));
  host.end("unauthorized");
  await settle();
  await vi.advanceTimersByTimeAsync(backoff(1) - 1);
  expect(host.watches).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(host.watches).toBe(3);
  expect(backoff(20)).toBe(8_000);
});

test("why there is no router is kept until there is one", async () => {
  stop = link.start();
  host.send({ ...scenes.clear(), seq: 2_000 });
  host.fail(new Refusal("router_opening", "The router opens.", 503));
  await settle();
  expect(link.state).toBe("lost");
  await vi.advanceTimersByTimeAsync(backoff(0));
  host.fail(new Refusal("port_busy", "Port 4310 is held by nginx (process 812).", 503));
  await settle();
  expect(link.state).toBe("closed");
  expect(link.problem?.code).toBe("port_busy");
  await vi.advanceTimersByTimeAsync(backoff(1));
  host.send({ ...scenes.clear(), seq: 2_001 });
  expect(link.state).toBe("open");
  expect(link.problem).toBeNull();
});

test("a person can try at once", async () => {
  stop = link.start();
  host.send({ ...scenes.clear(), seq: 1000 });
  host.end();
  await settle();
  link.retry();
  await settle();
  expect(host.watches).toBe(2);
});
