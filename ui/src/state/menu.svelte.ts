/** The open menu, if any: a list of actions below the button that opened it. */

export interface MenuItem {
  title: string;
  run: () => void;
  /** Takes something away. */
  red?: boolean;
  /** A line above it. */
  apart?: boolean;
}

export interface OpenMenu {
  label: string;
  items: readonly MenuItem[];
  anchor: HTMLElement;
}

class Menus {
  #open = $state.raw<OpenMenu | null>(null);

  get open(): OpenMenu | null {
    return this.#open;
  }

  show(anchor: HTMLElement, label: string, items: readonly MenuItem[]): void {
    this.#open = { anchor, label, items };
  }

  close(): void {
    this.#open = null;
  }
}

export const menus = new Menus();
