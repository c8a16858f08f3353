import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { httpHost, takeToken } from "./http";

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.unstubAllGlobals());

test("the token moves from the address to this tab's storage", () => {
  history.replaceState(null, "", "/#token=abc%2F1");
  expect(takeToken()).toBe("abc/1");
  expect(location.hash).toBe("");
  expect(takeToken()).toBe("abc/1");
});

test("a screen's hash is not taken for a token", () => {
  history.replaceState(null, "", "/#/queue");
  expect(takeToken()).toBeNull();
  expect(location.hash).toBe("#/queue");
});

test("requests carry the token and a JSON body; an answer that is not JSON is still a reply", async () => {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => new Response("<html>", { status: 502 }));
  vi.stubGlobal("fetch", fetched);
  const reply = await httpHost("secret").ask("PUT", "/v1/map", { document: "{}" });
  expect(reply).toEqual({ status: 502, body: { code: "not_json", message: "<html>" } });
  const [path, init] = fetched.mock.calls[0]!;
  expect(path).toBe("/v1/map");
  expect(init.headers).toMatchObject({ authorization: "Bearer secret", "content-type": "application/json" });
  expect(init.body).toBe('{"document":"{}"}');
});

test("a stream hands over snapshots until it ends; a refused token is told apart from a lost line", async () => {
  const seen: unknown[] = [];
  vi.stubGlobal("fetch", async () => new Response('event: snapshot\ndata: {"seq":1}\n\nevent: other\ndata: {}\n\n'));
  const { signal } = new AbortController();
  expect(await httpHost("t").watch((snapshot) => seen.push(snapshot), signal)).toBe("closed");
  expect(seen).toEqual([{ seq: 1 }]);
  vi.stubGlobal("fetch", async () => new Response("", { status: 401 }));
  expect(await httpHost(null).watch(() => {}, signal)).toBe("unauthorized");
});
