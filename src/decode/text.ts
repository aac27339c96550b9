// Text off the wire, made safe to show anywhere: terminal, log line, JSON, HTML, Redis key, Nexudus.
import { uint8 } from './octets.js';
import type { Span } from './sighting.js';

/** Code points kept of a host name. A DNS label has at most 63 octets. */
export const HOSTNAME_LENGTH = 64;
/** Code points kept of a vendor class. */
export const VENDOR_CLASS_LENGTH = 128;

/**
 * What nobody sees or what changes how its neighbours are shown: control and format characters (bidi overrides and isolates, zero-width
 * ones), everything else that Unicode says to show as nothing, private use, line and paragraph separators, noncharacters.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;
const SPACES = /\p{Zs}+/gu;

const decoder = new TextDecoder();

/**
 * The text in `raw`, at most `longest` code points of it, never half a character; null when nothing visible remains.
 * Invalid UTF-8 becomes U+FFFD, unsafe characters go, any run of spaces becomes one. Markup is left as it is: whoever writes HTML
 * escapes it there.
 */
export function safeText(raw: Readonly<Span>, longest: number): string | null {
  if (raw.length > 0 && raw.length <= longest && isPlain(raw))
    return decoder.decode(raw.bytes.subarray(raw.start, raw.end));
  // In stream mode a character that the end of `raw` cuts in two is kept back, instead of being replaced, and then forgotten.
  const decoded = decoder.decode(raw.bytes.subarray(raw.start, raw.end), { stream: true });
  decoder.decode();
  const visible = decoded.replace(UNSAFE, '').replace(SPACES, ' ').trim();
  const text = Array.from(visible).slice(0, longest).join('').trimEnd();
  return text === '' ? null : text;
}

/** Printable ASCII without spaces: nearly every host name, and nothing to do. */
function isPlain({ bytes, start, end }: Readonly<Span>): boolean {
  for (let at = start; at < end; at++) if (uint8(bytes, at) <= 0x20 || uint8(bytes, at) >= 0x7f) return false;
  return true;
}
