/** The locale for times and numbers. Started with LANG=C, WebKit reports the language "C" and `Intl` throws. */

/** The first of `wanted` that `Intl` accepts, else English. */
export function usableLocale(wanted: readonly (string | undefined)[]): string {
  for (const tag of wanted) {
    if (!tag) continue;
    try {
      return Intl.DateTimeFormat.supportedLocalesOf([tag])[0] ?? "en-GB";
    } catch {
      // Not a language tag ("C", "POSIX"): the next one may be.
    }
  }
  return "en-GB";
}

export const locale = usableLocale([globalThis.navigator?.language]);
