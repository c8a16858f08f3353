import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/track.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { lastResort, noteStrayErrors } from "./shell/last-resort";
import { theme } from "./state/theme.svelte";

const target = document.getElementById("app");
if (target) {
  noteStrayErrors();
  try {
    theme.apply();
    target.replaceChildren();
    mount(App, { target });
  } catch (cause) {
    lastResort(target, cause);
  }
}
