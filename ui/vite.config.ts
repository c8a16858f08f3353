import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

// One bundle for both hosts: embedded in the window (tauri://) and served by the headless router.
// Relative addresses, and nothing inlined, so that the strict content security policy holds in both.
export default defineConfig({
  base: "./",
  plugins: [svelte(), svelteTesting()],
  build: {
    target: ["safari16", "chrome111"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
});
