/** Geometry of the attempts' waterfall: round axis marks and bars in percent. Pure. */
import type { RequestView } from "../../api/types";

export interface Bar {
  left: number;
  width: number;
  /** Where its text has room: behind the bar, in front of it, or in it. */
  side: "after" | "before" | "inside";
}

const STEPS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000] as const;

/** The time the drawing spans, milliseconds, with a little room at the end. */
export const extent = (request: RequestView): number =>
  Math.max(1, request.durationMs, ...request.attempts.map((a) => a.startMs + a.durationMs)) * 1.04;

/** Round times from zero, six at most. */
export function marks(extentMs: number): number[] {
  const step = STEPS.find((s) => extentMs / s <= 6) ?? 600_000;
  return Array.from({ length: Math.floor(extentMs / step) + 1 }, (_, i) => i * step);
}

export function bar(startMs: number, durationMs: number, extentMs: number): Bar {
  const left = (startMs / extentMs) * 100;
  const width = Math.max(0.4, Math.min(100 - left, (durationMs / extentMs) * 100));
  return { left, width, side: left + width <= 65 ? "after" : left >= 30 ? "before" : "inside" };
}
