/** The routing map as it is being edited: the running document, the draft, its faults, the versions. */
import { control } from "../api/control";
import { Refusal } from "../api/refusal";
import type { Fault, MapDocument, MapVersion } from "../api/types";
import { Load } from "./load.svelte";

/** The running map; null before the first one. */
async function running(): Promise<MapDocument | null> {
  try {
    return await control.map();
  } catch (cause) {
    if (cause instanceof Refusal && cause.status === 404) return null;
    throw cause;
  }
}

class MapDraft {
  readonly versions = new Load<MapVersion[]>(() => control.mapVersions());
  #running = $state.raw<MapDocument | null>(null);
  #draft = $state("");
  #faults = $state.raw<Fault[]>([]);
  #warnings = $state.raw<Fault[]>([]);
  #checked = $state(false);
  #refusal = $state.raw<Refusal | null>(null);
  #busy = $state(false);

  get running(): MapDocument | null {
    return this.#running;
  }
  get draft(): string {
    return this.#draft;
  }
  set draft(text: string) {
    this.#draft = text;
    this.#checked = false;
  }
  get faults(): readonly Fault[] {
    return this.#faults;
  }
  get warnings(): readonly Fault[] {
    return this.#warnings;
  }
  /** Whether the faults and warnings are those of the draft as it stands. */
  get checked(): boolean {
    return this.#checked;
  }
  get refusal(): Refusal | null {
    return this.#refusal;
  }
  get busy(): boolean {
    return this.#busy;
  }
  get changed(): boolean {
    return this.#draft !== (this.#running?.document ?? "");
  }

  /** Follows the running map; an edited draft is kept. */
  async follow(): Promise<void> {
    const untouched = !this.changed;
    await this.#act(async () => {
      this.#running = await running();
      if (untouched) this.#reset();
    });
    await this.versions.refresh();
  }

  /** Throws the draft away. */
  discard(): void {
    this.#reset();
  }

  async check(): Promise<boolean> {
    let sound = false;
    await this.#act(async () => {
      const result = await control.checkMap(this.#draft);
      this.#faults = result.faults;
      this.#warnings = result.warnings;
      this.#checked = true;
      sound = result.faults.length === 0;
    });
    return sound;
  }

  /** Applies the draft. Returns the new version, or null where it was refused. */
  async apply(reason: string): Promise<number | null> {
    let version: number | null = null;
    await this.#act(async () => {
      ({ version } = await control.applyMap(this.#draft, this.#running?.version ?? 0, reason));
      this.#running = await control.map();
      this.#reset();
    });
    if (version !== null) await this.versions.refresh();
    return version;
  }

  async restore(version: number): Promise<boolean> {
    let done = false;
    await this.#act(async () => {
      await control.restoreMap(version);
      this.#running = await control.map();
      this.#reset();
      done = true;
    });
    if (done) await this.versions.refresh();
    return done;
  }

  #reset(): void {
    this.#draft = this.#running?.document ?? "";
    this.#faults = [];
    this.#warnings = [];
    this.#checked = false;
    this.#refusal = null;
  }

  async #act(action: () => Promise<void>): Promise<void> {
    this.#busy = true;
    this.#refusal = null;
    try {
      await action();
    } catch (cause) {
      const refusal = Refusal.from(cause);
      this.#refusal = refusal;
      if (refusal.faults.length > 0) {
        this.#faults = refusal.faults;
        this.#checked = true;
      }
    } finally {
      this.#busy = false;
    }
  }
}

export const map = new MapDraft();
