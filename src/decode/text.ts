// Text off the wire, made safe to show anywhere: terminal, log line, JSON, HTML, Redis key, Nexudus.
import { uint8 } from './octets.js';
import type { Span } from './sighting.js';

/** A host name is cut after so many code points. A DNS label has at most 63 octets. */
export const HOSTNAME_LENGTH = 64;
/** A vendor class is cut after so many code points. */
export const VENDOR_CLASS_LENGTH = 128;

/**
 * Characters that are invisible or change how others are shown: control and format characters (bidi overrides and isolates, zero-width
 * ones), all others that Unicode calls ignorable, private use, line and paragraph separators, noncharacters.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const SPACES = /\p{Zs}+/gu;

const decoder = new TextDecoder();

/**
 * Returns the text in `raw`, at most `longest` code points of it and no half characters; null when nothing visible remains. Invalid
 * UTF-8 becomes U+FFFD, unsafe characters are removed, a run of spaces becomes one space. Markup stays: it must be escaped where HTML
 * is made.
 */
export function safeText(raw: Readonly<Span>, longest: number): string | null {
  if (raw.length > 0 && raw.length <= longest && isPlain(raw))
    return decoder.decode(raw.bytes.subarray(raw.start, raw.end));
  // In stream mode half a character at the end of `raw` is held back, not replaced. The second call makes the decoder forget it.
  const decoded = decoder.decode(raw.bytes.subarray(raw.start, raw.end), { stream: true });
  decoder.decode();
  const visible = decoded.replace(UNSAFE, '').replace(SPACES, ' ').trim();
  const text = Array.from(visible).slice(0, longest).join('').trimEnd();
  return text === '' ? null : text;
}

/** Whether it is printable ASCII without spaces, as nearly all host names are: it is safe as it is. */
function isPlain({ bytes, start, end }: Readonly<Span>): boolean {
  for (let at = start; at < end; at++) if (uint8(bytes, at) <= 0x20 || uint8(bytes, at) >= 0x7f) return false;
  return true;
}
