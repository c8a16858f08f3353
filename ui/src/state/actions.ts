/** What a person does to the router from more than one place: buttons, keys and menus share these. */
import { control } from "../api/control";
import { operate } from "../api/operate";
import { host } from "../api/transport";
import type { RouteView } from "../api/types";
import { holdingPause } from "../shared/budgets";
import { latency } from "../shared/format";
import { scopeWords, widerKill } from "../shared/overrides";
import { routeLabel, tierTitle } from "../shared/words";
import { link } from "./link.svelte";
import { resumeMoney } from "./money.svelte";
import { notices } from "./notices.svelte";
import { asking } from "./question.svelte";

export async function togglePause(): Promise<void> {
  const snapshot = link.snapshot;
  if (!snapshot || !link.live) return;
  const money = holdingPause(snapshot);
  if (money) await resumeMoney(money);
  else if (snapshot.pause.paused) await notices.attempt("New work stays paused", () => control.resume());
  else await notices.attempt("New work was not paused", () => control.pause("paused in the window"));
}

/**
 * The kill switch. Taking a route out of service is asked first; putting it back is not, unless it is out together with
 * its model or provider: then all of that comes back.
 */
export async function switchRoute(route: RouteView): Promise<void> {
  const label = routeLabel(route.id);
  const wider = widerKill(route);
  if (wider) {
    const words = scopeWords(wider);
    const yes = await asking.ask({
      title: `Put ${words} back in service?`,
      text: `${label} is out of service together with ${words}. All of its routes take requests again.`,
      verb: "Put back in service",
    });
    if (yes) await notices.attempt(`${words} stays out of service`, () => operate.kill(wider, false, "put back in the window", null));
    return;
  }
  if (route.inService) {
    const yes = await asking.ask({
      title: `Take ${label} out of service?`,
      text: `New requests pass it by until you switch it on again. Requests on it finish.`,
      verb: "Take out of service",
      red: true,
    });
    if (!yes) return;
  }
  await notices.attempt(`${label} was not switched`, () => control.switchRoute(route.id, !route.inService));
}

export async function sendTestRequest(): Promise<void> {
  await notices.attempt("The test request was not sent", async () => {
    const answer = await control.testRequest();
    const took = latency(answer.durationMs);
    if (answer.jobId) {
      notices.say("paused", "Test request queued", "No route could answer; it waits in the queue.");
    } else if (answer.status < 300 && answer.route) {
      const tier = answer.tier ? `${tierTitle[answer.tier]} · ` : "";
      const tries = answer.attempts === 1 ? "first try" : `try ${answer.attempts}`;
      notices.say("clear", `${tier}${routeLabel(answer.route)} answered in ${took}`, `On the ${tries}.`);
    } else {
      notices.say("stop", `Test request answered ${answer.status} after ${took}`, answer.text ?? "");
    }
  });
}

/** Copies `text`; an older webview without the clipboard API gets the old way. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) return notices.say("caution", `${what} was not copied`, "Select it and copy it by hand.");
  }
  notices.say("clear", `${what} copied`);
}

export async function openExternal(url: string): Promise<void> {
  try {
    await host().openExternal(url);
  } catch {
    await copy(url, "Address");
  }
}
