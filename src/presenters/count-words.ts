// A number and what it counts, as people write it; the status page has its own (page/words.js).

/** `1 visit`, `2 visits`; `many` where the plural is more than an `s`. */
export function countWords(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
