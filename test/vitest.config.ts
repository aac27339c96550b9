// The whole suite. Tests that need root, Redis or network namespaces find them through ./scripts/test.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Decoders read what strangers send: no line of them goes untried.
    coverage: {
      provider: 'v8',
      include: ['src/decode/**/*.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
