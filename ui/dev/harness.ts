/**
 * Shows the window on fixture snapshots, for looking at it: `npx vite`, then
 * `/dev/?scene=failover&theme=light#/queue`, with `&press=k` for Ctrl+K and `&click=<testid>` for a click on
 * an element. Not part of the bundle.
 */
import "../src/styles/fonts.css";
import "../src/styles/tokens.css";
import "../src/styles/base.css";
import "../src/styles/controls.css";
import "../src/styles/track.css";

import { mount } from "svelte";

import type { Host } from "../src/api/host";
import { Refusal } from "../src/api/refusal";
import { useHost } from "../src/api/transport";
import App from "../src/App.svelte";
import { themes, theme } from "../src/state/theme.svelte";
import { answers } from "./answers";
import { type Scene, scenes } from "./scenes";

const query = new URLSearchParams(location.search);
const scene = (query.get("scene") ?? "clear") as Scene;
const snapshot = scenes[scene]();

const host: Host = {
  async ask(method, path, body) {
    return answers(method, path, body, snapshot);
  },
  async watch(onSnapshot, signal) {
    if (scene === "busyPort") throw new Refusal("port_busy", "Port 4310 is held by nginx (process 812). Stop it, or choose another port with `--port`.", 503);
    if (scene !== "opening") onSnapshot(snapshot);
    if (scene === "lost") return "closed";
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve("closed")));
  },
  async openExternal(url) {
    console.info("would open", url);
  },
};

useHost(host);
theme.set(themes.find((name) => name === query.get("theme")) ?? "dark");
const target = document.getElementById("app");
if (target) mount(App, { target });

const press = query.get("press");
const click = query.get("click");
setTimeout(() => {
  if (press) dispatchEvent(new KeyboardEvent("keydown", { key: press, ctrlKey: true }));
  if (click) document.querySelector<HTMLElement>(`[data-testid="${click}"]`)?.click();
}, 500);
