/** Dark, light, or as the system says. Kept on this machine, in this window's storage. */

export const themes = ["system", "dark", "light"] as const;
export type Theme = (typeof themes)[number];

const KEY = "switchyard.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return themes.find((theme) => theme === value) ?? "system";
  } catch {
    return "system"; // Storage switched off: the choice lasts until the window closes.
  }
}

class ThemeChoice {
  #choice = $state<Theme>(stored());

  get choice(): Theme {
    return this.#choice;
  }

  set(choice: Theme): void {
    this.#choice = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // As above.
    }
    this.apply();
  }

  /** Puts the choice on the document. */
  apply(): void {
    const light = this.#choice === "light" || (this.#choice === "system" && matchMedia("(prefers-color-scheme: light)").matches);
    document.documentElement.dataset["theme"] = light ? "light" : "dark";
  }

  start(): () => void {
    this.apply();
    const query = matchMedia("(prefers-color-scheme: light)");
    const change = () => this.apply();
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }
}

export const theme = new ThemeChoice();
