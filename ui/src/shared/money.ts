/** Amounts of money and what is known of them. A cost that is not zero is never written as if it were. */
import type { AttemptView, RequestView } from "../api/types";

export const NANO = 1_000_000_000;
/** A ten-thousandth of a dollar: the smallest amount that is written out. */
const SMALLEST = 100_000;
const CENT = 10_000_000;

// As the other numbers: the sentences are English.
const dollars = [0, 2, 4].map(
  (digits) => new Intl.NumberFormat("en", { style: "currency", currency: "USD", minimumFractionDigits: digits, maximumFractionDigits: digits }),
) as [Intl.NumberFormat, Intl.NumberFormat, Intl.NumberFormat];

/**
 * Nano-dollars as dollars: `$23.10`; below a dollar and between two cents with four digits: `$0.0012`. `short` leaves
 * the cents of whole dollars out, as for caps: `$100`.
 */
export function usd(nano: number, short = false): string {
  const size = Math.abs(nano);
  const sign = nano < 0 ? "−" : "";
  if (size > 0 && size < SMALLEST) return nano < 0 ? "−<$0.0001" : "<$0.0001";
  const [whole, cents, fine] = dollars;
  const rounded = Math.round(size / SMALLEST) * SMALLEST;
  const look = short && size % NANO === 0 ? whole : size < NANO && rounded % CENT !== 0 ? fine : cents;
  return `${sign}${look.format(size / NANO)}`;
}

/** An amount that a person typed, in nano-dollars; null where it is none above zero. */
export function parseUsd(typed: string): number | null {
  const text = typed.trim().replace(/^\$\s*/, "");
  if (!/^(\d+|\d{1,3}(,\d{3})+)?(\.\d{1,9})?$/.test(text) || text === "") return null;
  const nano = Math.round(Number(text.replaceAll(",", "")) * NANO);
  return nano > 0 && Number.isSafeInteger(nano) ? nano : null;
}

export interface CostText {
  /** `$0.0118`, `free`, `–` where it is not known. */
  text: string;
  /** How exact it is, where that must be said: `estimate`, `assumed price`. */
  note: string;
}

const NOT_KNOWN: CostText = { text: "–", note: "" };

/** What one try cost. */
export function attemptCost({ costNanoUsd, costBasis }: AttemptView): CostText {
  if (costBasis === "free") return { text: "free", note: "" };
  if (costBasis === "subscription") return { text: "subscription", note: "" };
  if (costNanoUsd == null) return NOT_KNOWN;
  const note = costBasis === "estimate" ? "estimate" : costBasis === "assumed" ? "assumed price" : "";
  return { text: usd(costNanoUsd), note };
}

/** What a request's tries cost together. */
export function requestCost({ costNanoUsd, attempts }: RequestView): CostText {
  const bases = attempts.flatMap(({ costBasis }) => (costBasis == null ? [] : [costBasis]));
  if (!costNanoUsd && bases.length > 0) {
    if (bases.every((basis) => basis === "free")) return { text: "free", note: "" };
    if (bases.every((basis) => basis === "free" || basis === "subscription")) return { text: "subscription", note: "" };
  }
  if (costNanoUsd == null) return NOT_KNOWN;
  const notes = [
    ...(bases.includes("estimate") ? ["estimate"] : []),
    ...(bases.includes("assumed") ? ["assumed price"] : []),
  ];
  return { text: usd(costNanoUsd), note: notes.join(", ") };
}
