/** Rules that a strict content security policy and the design tokens put on every component. */
import { expect, test } from "vitest";

const components = import.meta.glob<string>("./**/*.svelte", { query: "?raw", import: "default", eager: true });
const styles = import.meta.glob<string>("./styles/*.css", { query: "?raw", import: "default", eager: true });
const page = import.meta.glob<string>("../index.html", { query: "?raw", import: "default", eager: true });

const files = Object.entries({ ...components, ...styles }).filter(([path]) => !path.endsWith("tokens.css"));

test("every component is looked at", () => {
  expect(Object.keys(components).length).toBeGreaterThan(30);
});

test.each(files)("%s takes colours and type sizes from the tokens", (_path, text) => {
  expect(text.match(/[:\s(]#[0-9a-f]{3,8}\b/gi) ?? []).toEqual([]);
  expect(text.match(/\b(rgba?|hsla?|oklch)\(/g) ?? []).toEqual([]);
  expect(text.match(/font-size:\s*[\d.]+(px|rem|em)/g) ?? []).toEqual([]);
});

test.each(Object.entries(components))("%s has no style attribute, which the policy would drop", (_path, text) => {
  expect(text.match(/\sstyle="/g) ?? []).toEqual([]);
  expect(text.match(/\b(transition|in|out|animate):\w+/g)?.filter((found) => !/(transition|out|in):(\s|background|border)/.test(found)) ?? []).toEqual([]);
});

test("the page has neither inline script nor style, nor anything from elsewhere", () => {
  const html = Object.values(page)[0] ?? "";
  expect(html).not.toMatch(/<style|\son\w+=|<script(?![^>]*\ssrc=)/);
  expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
});
