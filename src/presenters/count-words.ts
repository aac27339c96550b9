// A number and what it counts, as people write it. The status page has its own function in page/words.js.

/** Returns `1 visit`, `2 visits`. The default plural is the singular with an `s`. */
export function countWords(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}
