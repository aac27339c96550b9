// The whole suite. Tests that need root, Redis or network namespaces find them through ./scripts/test.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './until.js';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // Most of the time tests wait for real time to pass, which they do beside each other also where there are few processors.
    maxWorkers: Math.max(3, availableParallelism()),
    // An end for what hangs, not a measure: on a machine that is busy with other work everything takes many times as long.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    expect: { poll: { timeout: PATIENCE_MS } },
    // Decoders read what strangers send: no line of them goes untried.
    coverage: {
      provider: 'v8',
      include: ['src/decode/**/*.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
