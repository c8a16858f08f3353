// A program that says on its first line where it listens.

import { createInterface } from 'node:readline';

const START_MS = 20_000;

/** The first line `child` prints; fails with its log if it ends or stays silent. */
export async function firstLine(child, program) {
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log = (log + text).slice(-8_000)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}:\n${log}`)));
    createInterface({ input: child.stdout }).once('line', resolve);
    setTimeout(() => reject(new Error(`${program} says nothing:\n${log}`)), START_MS).unref();
  });
}
