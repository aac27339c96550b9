// Domain names in wire format (RFC 1035, 3.1), as DHCP's FQDN options carry them.
import { uint8 } from './octets.js';
import type { Span } from './sighting.js';

/** RFC 1035, 2.3.4: 63 octets a label, 255 a name, which makes 253 characters of text. */
const MAX_LABEL = 63;
const MAX_TEXT = 253;
const DOT = 0x2e;

const text = new Uint8Array(MAX_TEXT);

/**
 * Sets `name` to the dotted form of the name at `at`, without a final dot. The bytes are overwritten by the next call. A partial
 * name, that is one without the root label (RFC 4702 3.3.1, RFC 4704 4.2), is a name; anything malformed leaves `name` empty.
 */
export function readDomainName(bytes: Uint8Array, at: number, end: number, name: Span): void {
  name.clear();
  let length = 0;
  for (let labelAt = at; labelAt < end && uint8(bytes, labelAt) !== 0; ) {
    const labelLength = uint8(bytes, labelAt);
    const labelEnd = labelAt + 1 + labelLength;
    // A length above 63 would be a compression pointer, which these options may not use.
    if (labelLength > MAX_LABEL || labelEnd > end || length + 1 + labelLength > MAX_TEXT) return;
    if (length > 0) text[length++] = DOT;
    for (let i = labelAt + 1; i < labelEnd; i++) text[length++] = uint8(bytes, i);
    labelAt = labelEnd;
  }
  name.set(text, 0, length);
}
