/** What the command list offers: every screen and every action with its own place in the window. */
import { copy, sendTestRequest, togglePause } from "../state/actions";
import { link } from "../state/link.svelte";
import { place, screens, screenTitle } from "../state/screen.svelte";
import { theme } from "../state/theme.svelte";

export interface Command {
  title: string;
  hint: string;
  run: () => void;
}

export function commands(): Command[] {
  const snapshot = link.snapshot;
  const list: Command[] = screens.map((screen) => ({ title: screenTitle[screen], hint: "Screen", run: () => place.go(screen) }));
  if (snapshot && link.live) {
    const { proxyUrl } = snapshot.router;
    list.push(
      { title: snapshot.pause.paused ? "Resume new work" : "Pause new work", hint: "Router", run: () => void togglePause() },
      { title: "Send a test request", hint: "Router", run: () => void sendTestRequest() },
      { title: "Copy the OpenAI address", hint: `${proxyUrl}/v1`, run: () => void copy(`${proxyUrl}/v1`, "Address") },
      { title: "Copy the Anthropic address", hint: proxyUrl, run: () => void copy(proxyUrl, "Address") },
    );
    for (const provider of snapshot.providers) {
      list.push({ title: provider.name, hint: "Provider", run: () => place.go("providers", provider.name) });
    }
    for (const request of snapshot.requests.slice(0, 20)) {
      list.push({ title: request.id, hint: `Request, ${request.job}`, run: () => place.go("requests", request.id) });
    }
  }
  list.push(
    { title: "Dark theme", hint: "Window", run: () => theme.set("dark") },
    { title: "Light theme", hint: "Window", run: () => theme.set("light") },
    { title: "Theme as the system", hint: "Window", run: () => theme.set("system") },
  );
  return list;
}

/** Those whose title or hint holds every word that was typed. */
export function matching(list: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return list.filter((command) => {
    const text = `${command.title} ${command.hint}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
