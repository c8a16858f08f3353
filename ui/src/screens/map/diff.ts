/** Reads a unified diff for display; the file header is left out. */
export interface DiffLine {
  kind: "add" | "del" | "at" | "same";
  text: string;
}

export function diffLines(diff: string): DiffLine[] {
  return diff
    .split("\n")
    .filter((line, i, all) => !/^(---|\+\+\+) /.test(line) && !(line === "" && i === all.length - 1))
    .map((text) => ({
      text,
      kind: text.startsWith("@@") ? "at" : text.startsWith("+") ? "add" : text.startsWith("-") ? "del" : "same",
    }));
}
