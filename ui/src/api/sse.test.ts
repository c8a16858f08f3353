import { expect, test } from "vitest";

import { eventParser, type ServerEvent } from "./sse";

const whole = 'event: snapshot\ndata: {"a":1}\n\n: keep-alive\n\nevent: snapshot\r\ndata: {"a":\r\ndata: 2}\r\n\r\nid: 3\ndata:x\n\n';
const expected: ServerEvent[] = [
  { event: "snapshot", data: '{"a":1}' },
  { event: "snapshot", data: '{"a":\n2}' },
  { event: "message", data: "x" },
];

test.each([1, 2, 3, 7, 1000])("events survive being cut into pieces of %i characters", (size) => {
  const seen: ServerEvent[] = [];
  const feed = eventParser((event) => seen.push(event));
  for (let i = 0; i < whole.length; i += size) feed(whole.slice(i, i + size));
  expect(seen).toEqual(expected);
});

test("an unfinished event is not handed over", () => {
  const seen: ServerEvent[] = [];
  eventParser((event) => seen.push(event))("event: snapshot\ndata: {}\n");
  expect(seen).toEqual([]);
});
