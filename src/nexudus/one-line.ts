// Makes untrusted text safe for a line of a log, a terminal or a record.

/** Printable ASCII with single spaces, as nearly all text is. It is safe as it is. */
const PLAIN = /^(?:[!-~]+(?: [!-~]+)*)?$/;

/**
 * Returns `text` without control, format (such as bidirectional overrides) and broken characters, with a single space for any white
 * space. It has at most `limit` UTF-16 units, so also at most as many code points. An ellipsis stands for what was cut off.
 */
export function oneLine(text: string, limit: number): string {
  if (text.length <= limit && PLAIN.test(text)) return text;
  const clean = text
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
    .trim();
  if (clean.length <= limit) return clean;
  return `${clean
    .slice(0, limit - 1)
    .replace(/\p{Cs}$/u, '')
    .trimEnd()}…`;
}
