// Text from elsewhere, made fit for one line of a log, a terminal or a record.

/** Printable ASCII with single spaces inside: nearly all text, and nothing to do. */
const PLAIN = /^(?:[!-~]+(?: [!-~]+)*)?$/;

/**
 * `text` without control, format (bidirectional overrides among them) and broken characters, any white space as one space, at most
 * `limit` UTF-16 units (so never more code points either); an ellipsis stands for what was cut off.
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
