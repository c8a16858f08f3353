/** The tracks between the apps and the lanes: the ladder of points in a 92 px wide drawing. Pure geometry. */
import type { LaneState, Rail } from "./lanes";

export interface Piece {
  d: string;
  rail: Rail;
  /** A corner or stub drawn in one piece, without segments. */
  solid: boolean;
}

export interface Throat {
  /** Plates at the left, 1 to 3, at y = 44, 88, 132. */
  apps: number;
  /** Height of a lane, pixels. */
  lane: number;
  hot: LaneState;
  warm: LaneState;
  coldInUse: boolean;
  paused: boolean;
  /** Whether apps can call at all: false before the first snapshot. */
  open: boolean;
}

const APP_TRACKS = [
  "M0 44H10M14 44H30",
  "M0 88H5L11.5 81.5M13.5 77V64M15 59.5L27 47.5",
  "M0 132H5L11.5 125.5M13.5 121V109M13.5 105V93",
] as const;

/** The pieces, dimmer ones first, so that the lit path is drawn on top. */
export function throatPieces(t: Throat): Piece[] {
  const L = t.lane;
  const inHot = t.hot === "in-use";
  const inWarm = t.warm === "in-use";
  const inCold = t.coldInUse;
  const lit = (on: boolean): Rail => (on ? "lit" : "plain");
  const stub = (state: LaneState): Rail =>
    state === "in-use" ? "lit" : state === "stopped" ? "shut" : state === "away" ? "probe" : "plain";
  const entry: Rail = !t.open ? "plain" : t.paused ? "paused" : "lit";

  const pieces: Piece[] = [
    { d: "M68 44H92", rail: stub(t.hot), solid: false },
    { d: "M64.5 46.5L76.5 58.5", rail: lit(inWarm || inCold), solid: true },
    { d: `M78 64V${L + 26}`, rail: lit(inWarm || inCold), solid: false },
    { d: `M79.5 ${L + 31.5}L91 ${L + 43}`, rail: stub(t.warm), solid: true },
    { d: `M78 ${L + 46}V${2 * L + 26}`, rail: lit(inCold), solid: false },
    { d: `M79.5 ${2 * L + 31.5}L91 ${2 * L + 43}`, rail: lit(inCold), solid: true },
    { d: "M52 44H64", rail: lit(inHot || inWarm || inCold), solid: true },
  ];
  if (inCold) pieces.push({ d: `M78 ${L + 28}V${L + 44}`, rail: "lit", solid: true });
  for (const d of APP_TRACKS.slice(0, Math.max(1, t.apps))) pieces.push({ d, rail: entry, solid: true });
  const order: Record<Rail, number> = { plain: 0, probe: 1, shut: 2, paused: 3, lit: 4 };
  return pieces.sort((a, b) => order[a.rail] - order[b.rail]);
}
