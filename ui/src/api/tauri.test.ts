import type { Channel } from "@tauri-apps/api/core";
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, expect, test, vi } from "vitest";

import { scenes } from "../../dev/scenes";
import { tauriHost } from "./tauri";
import type { Snapshot } from "./types";

afterEach(() => {
  vi.useRealTimers();
  clearMocks();
});

test("the window asks by command, and an empty body is null", async () => {
  const seen: unknown[] = [];
  mockIPC((command, args) => {
    seen.push([command, args]);
    return { status: 200, body: { ok: true } };
  });
  const host = tauriHost();
  expect(await host.ask("POST", "/v1/resume")).toEqual({ status: 200, body: { ok: true } });
  await host.openExternal("https://status.anthropic.com");
  expect(seen).toEqual([
    ["control", { method: "POST", path: "/v1/resume", body: null }],
    ["open_external", { url: "https://status.anthropic.com" }],
  ]);
});

test("a router that could not start is told with its code", async () => {
  const problem = { code: "port_busy", message: "Port 4310 is held by nginx (process 812)." };
  mockIPC((command) => {
    if (command === "watch") throw problem.message;
    return { status: 503, body: problem };
  });
  const watching = tauriHost().watch(() => {}, new AbortController().signal);
  await expect(watching).rejects.toMatchObject({ name: "Refusal", ...problem });
});

test("a silent router is asked; one that does not answer ends the watch", async () => {
  vi.useFakeTimers();
  let channel: Channel<Snapshot> | undefined;
  let alive = true;
  mockIPC((command, args) => {
    if (command === "watch") channel = (args as { channel: Channel<Snapshot> }).channel;
    if (command === "control" && !alive) throw new Error("stopped");
    return command === "control" ? { status: 200, body: null } : null;
  });
  const seen: number[] = [];
  let end: string | undefined;
  const watching = tauriHost().watch((snapshot) => seen.push(snapshot.seq), new AbortController().signal);
  void watching.then((how) => (end = how));
  await vi.advanceTimersByTimeAsync(0);
  channel?.onmessage(scenes.clear());
  expect(seen).toEqual([41]);
  await vi.advanceTimersByTimeAsync(40_000);
  expect(end).toBeUndefined();
  alive = false;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(end).toBe("closed");
});
