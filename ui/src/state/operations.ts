/** What a person does in an outage from more than one place. Each says what was done, or why it was not. */
import { operate } from "../api/operate";
import type { FixView, ShiftView, Snapshot } from "../api/types";
import type { Override, TakeBack } from "../shared/overrides";
import { BY_HAND } from "../shared/words";
import { copy } from "./actions";
import { link } from "./link.svelte";
import { notices } from "./notices.svelte";
import { asking } from "./question.svelte";

/** Holds a shift where it stands, or lets it go on. */
export async function holdShift(shift: ShiftView, held: boolean): Promise<void> {
  const what = held ? "The shift was not held" : "The shift stays held";
  await notices.attempt(what, () => operate.holdShift(shift.id, held, BY_HAND));
}

/** Starts the way home, in watched steps. */
export async function failback(shift: ShiftView): Promise<void> {
  await notices.attempt("Failback did not start", () => operate.failback(shift.id, BY_HAND));
}

/** Takes a move back whole, without steps. */
export async function takeBackShift(shift: ShiftView): Promise<void> {
  const yes = await asking.ask({
    title: `Bring all traffic back to ${shift.fromWords} now?`,
    text: "The watched steps are skipped. Where it still fails, requests fall on to the other routes, one try later.",
    verb: "Bring back now",
    red: true,
  });
  if (yes) await notices.attempt("The move was not taken back", () => operate.takeBackShift(shift.id));
}

/** Keeps traffic on the other tier until somebody says otherwise, where only breakers moved it there. */
export async function holdOnWarm(): Promise<void> {
  const done = await notices.attempt("Traffic was not held on Warm", async () => {
    const id = await operate.startShift({ from: "hot", to: "warm", mode: "immediate", reason: BY_HAND });
    await operate.holdShift(id, true, BY_HAND);
  });
  if (done) notices.say("paused", "Held on Warm", "Traffic stays there until you start failback.");
}

export async function checkNetwork(): Promise<void> {
  await notices.attempt("The network was not checked", () => operate.checkNetwork());
}

/** Takes the all-off switch back. */
export async function switchOn(): Promise<void> {
  await notices.attempt("Everything stays off", () => operate.allOff(false, "switched on in the window"));
}

export async function applyFix(fix: FixView): Promise<void> {
  if (await notices.attempt("The fix was refused", () => operate.applyFix(fix))) notices.say("clear", fix.label, "Done.");
}

export async function takeBack(entry: Override): Promise<void> {
  await notices.attempt(`${entry.title} stays`, () => undo(entry.takeBack));
}

function undo(what: TakeBack): Promise<unknown> {
  const reason = "taken back in the window";
  switch (what.kind) {
    case "kill":
      return operate.kill(what.scope, false, reason, null);
    case "breaker":
      return operate.breaker(what.route, "auto", reason, null);
    case "job":
      return operate.overrideJob(what.job, null, reason);
    case "except":
      return operate.except(what.provider, false, reason, null);
    case "client":
      return Promise.all([
        ...(what.bounds ? [operate.clearBounds(what.client, reason)] : []),
        ...(what.prefers ? [operate.clearPreference(what.client, reason)] : []),
      ]);
    case "allOff":
      return operate.allOff(false, reason);
    case "distribution":
      return operate.distribute({}, reason);
  }
}

export async function copyReport(id: number): Promise<void> {
  await notices.attempt("The report was not copied", async () => copy(await operate.incidentReport(id), "Report"));
}

/** The shift the banner and the commands speak of: the newest that is not home. */
export const currentShift = (snapshot: Snapshot | null = link.snapshot): ShiftView | null =>
  snapshot?.shifts.filter((shift) => shift.phase !== "home").at(-1) ?? null;

/** The incident that is open now, newest first. */
export const openIncident = (snapshot: Snapshot | null = link.snapshot) =>
  snapshot?.incidents.find((incident) => incident.state !== "closed") ?? null;
