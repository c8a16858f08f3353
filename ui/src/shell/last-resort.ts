/** What is left when the window itself fails: plain words instead of a blank page. Uses nothing that could fail. */
import { notices } from "../state/notices.svelte";

export function lastResort(target: HTMLElement, cause: unknown): void {
  const box = document.createElement("div");
  box.className = "boot";
  box.setAttribute("role", "alert");
  const title = document.createElement("h1");
  title.textContent = "The window could not start";
  const text = document.createElement("p");
  text.textContent = "The router runs on and keeps answering your apps. Reload the window; if this stays, report the text below.";
  const detail = document.createElement("pre");
  detail.className = "code";
  detail.textContent = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const again = document.createElement("button");
  again.className = "btn";
  again.textContent = "Reload the window";
  again.onclick = () => location.reload();
  box.append(title, text, detail, again);
  target.replaceChildren(box);
}

/** Errors outside of drawing (a handler, a promise) are said, not swallowed. */
export function noteStrayErrors(): void {
  addEventListener("error", (event) => {
    if (event.message.includes("ResizeObserver")) return;
    notices.say("stop", "Something in the window failed", event.message);
  });
  addEventListener("unhandledrejection", (event) => {
    const { reason } = event;
    notices.say("stop", "Something in the window failed", reason instanceof Error ? reason.message : String(reason));
  });
}
