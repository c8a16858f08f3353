/** Times, durations and numbers as the design writes them: a space before the unit, seconds where order matters. */
import { locale } from "./locale";

const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(locale, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
// The sentences are English; their numbers are too.
const whole = new Intl.NumberFormat("en");

export const number = (value: number): string => whole.format(value);

/** `14:02`. */
export const timeOfDay = (ms: number): string => clock.format(ms);
/** `14:02:06`. */
export const timeWithSeconds = (ms: number): string => clockSeconds.format(ms);

/** `14:02` today, `9 Apr` on another day. */
export function timeOrDay(ms: number, nowMs: number): string {
  return new Date(ms).toDateString() === new Date(nowMs).toDateString() ? clock.format(ms) : day.format(ms);
}

/** `9 Apr`. */
export const dayOfMonth = (ms: number): string => day.format(ms);

/** `9 Apr, 14:02`. */
export const dayAndTime = (ms: number): string => `${day.format(ms)}, ${clock.format(ms)}`;

/** An answer time: `214 ms`, `1.12 s`, `12.4 s`, `2 min 5 s`. */
export function latency(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
}

/** A stretch of time in its largest unit: `18 s`, `29 min`, `3 h`, `2 d`. */
export function span(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** Time left, never early: `18 s`, at least `1 s`. */
export const countdown = (ms: number): string => span(Math.max(1, Math.ceil(ms / 1000)) * 1000);

/** `0.2 %`; whole from ten up, and for nothing at all. */
export function percent(value: number): string {
  return `${value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} %`;
}

/** Requests a minute: `4.1`. */
export const rate = (perMinute: number): string => (perMinute >= 100 ? whole.format(perMinute) : perMinute.toFixed(1));

/** `1 job`, `3 jobs`. */
export const count = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`;
