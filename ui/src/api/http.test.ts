import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { httpHost, takeCode } from "./http";

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.unstubAllGlobals());

test("a link's code leaves the address and is exchanged for this tab's token, once", async () => {
  history.replaceState(null, "", "/#code=abc%2F1");
  expect(takeCode()).toBe("abc/1");
  expect(location.hash).toBe("");
  expect(takeCode()).toBeNull();
  const fetched = vi.fn(async (path: string, _init: RequestInit) =>
    path === "/v1/window/session" ? Response.json({ token: "t1" }) : new Response(""),
  );
  vi.stubGlobal("fetch", fetched);
  const host = httpHost("abc/1");
  await host.ask("GET", "/v1/snapshot");
  await host.ask("GET", "/v1/snapshot");
  expect(fetched.mock.calls.map(([path]) => path)).toEqual(["/v1/window/session", "/v1/snapshot", "/v1/snapshot"]);
  expect(fetched.mock.calls[0]![1].headers).toEqual({ authorization: "Bearer abc/1" });
  expect(fetched.mock.calls[2]![1].headers).toMatchObject({ authorization: "Bearer t1" });
  expect(sessionStorage.getItem("switchyard.token")).toBe("t1");
});

test("a code that was used before leaves this tab the token it has", async () => {
  sessionStorage.setItem("switchyard.token", "t1");
  const fetched = vi.fn(async (path: string, _init: RequestInit) =>
    path === "/v1/window/session" ? new Response("{}", { status: 401 }) : new Response(""),
  );
  vi.stubGlobal("fetch", fetched);
  await httpHost("used").ask("GET", "/v1/snapshot");
  expect(fetched.mock.calls[1]![1].headers).toMatchObject({ authorization: "Bearer t1" });
});

test("a code is tried again where nobody answered", async () => {
  const answers = [() => Promise.reject(new Error("refused")), async () => Response.json({ token: "t2" }), async () => new Response("")];
  const fetched = vi.fn((_path: string, _init: RequestInit) => answers.shift()!());
  vi.stubGlobal("fetch", fetched);
  const host = httpHost("c");
  await expect(host.ask("GET", "/v1/snapshot")).rejects.toThrow("refused");
  await host.ask("GET", "/v1/snapshot");
  expect(fetched.mock.calls[2]![1].headers).toMatchObject({ authorization: "Bearer t2" });
});

test("a screen's hash is not taken for a code", () => {
  history.replaceState(null, "", "/#/queue");
  expect(takeCode()).toBeNull();
  expect(location.hash).toBe("#/queue");
});

test("only web addresses are opened", async () => {
  const opened = vi.fn();
  vi.stubGlobal("open", opened);
  for (const url of ["javascript:alert(1)", "file:///etc/hostname", " https://x", "data:text/html,x"]) {
    await expect(httpHost(null).openExternal(url)).rejects.toThrow("not a web address");
  }
  await httpHost(null).openExternal("https://status.openai.com/");
  expect(opened.mock.calls).toEqual([["https://status.openai.com/", "_blank", "noopener,noreferrer"]]);
});

test("requests carry the token and a JSON body; an answer that is not JSON is still a reply", async () => {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => new Response("<html>", { status: 502 }));
  vi.stubGlobal("fetch", fetched);
  sessionStorage.setItem("switchyard.token", "secret");
  const reply = await httpHost(null).ask("PUT", "/v1/map", { document: "{}" });
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
  expect(await httpHost(null).watch((snapshot) => seen.push(snapshot), signal)).toBe("closed");
  expect(seen).toEqual([{ seq: 1 }]);
  vi.stubGlobal("fetch", async () => new Response("", { status: 401 }));
  expect(await httpHost(null).watch(() => {}, signal)).toBe("unauthorized");
});
