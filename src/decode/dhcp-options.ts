// The options of a DHCPv4 message (RFC 2132) that this project uses, from all three fields that may hold options.
import { readDomainName } from './domain-name.js';
import { uint8, uint32 } from './octets.js';
import { Span } from './sighting.js';

const SNAME = 44;
const FILE = 108;
const MAGIC_COOKIE_AT = 236;
const OPTIONS = 240;
const MAGIC_COOKIE = 0x63825363;

const PAD = 0;
const END = 255;

/** The type of a message without option 53. */
export const NO_MESSAGE_TYPE = -1;

const OVERLOAD_FILE = 1;
const OVERLOAD_SNAME = 2;
const OVERLOAD_BOTH = 3;

/** RFC 4702, 2.1: the E bit. */
const FQDN_CANONICAL = 0x04;
const FQDN_FLAGS_LENGTH = 3;

/** Longer options are cut. Every fact that is kept is shorter. */
const LONGEST = 512;

/** One option; its pieces are joined when it comes in several (RFC 3396). */
class Option extends Span {
  readonly #joined = new Uint8Array(LONGEST);

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.length === 0) {
      this.set(bytes, start, end);
      return;
    }
    // Each option joins its pieces in a buffer of its own, because the pieces of several options may alternate.
    if (this.bytes !== this.#joined) {
      const first = this.bytes.subarray(this.start, this.end);
      this.#joined.set(first);
      this.set(this.#joined, 0, first.length);
    }
    const piece = bytes.subarray(start, Math.min(end, start + LONGEST - this.end));
    this.#joined.set(piece, this.end);
    this.end += piece.length;
  }
}

/** The options of the message last read. One object serves all messages. Its spans point into the frame or into its own buffers. */
export class DhcpOptions {
  readonly #subnetMask = new Option();
  readonly #router = new Option();
  readonly #hostName = new Option();
  readonly #requestedAddress = new Option();
  readonly #overload = new Option();
  readonly #messageType = new Option();
  readonly #serverIdentifier = new Option();
  readonly #clientFqdn = new Option();
  readonly #fqdn = new Span();

  /** Option 55. */
  readonly parameterList = new Option();
  /** Option 60. */
  readonly vendorClass = new Option();
  /** Option 61, type octet included. */
  readonly clientIdentifier = new Option();

  readonly #byCode = new Map([
    [1, this.#subnetMask],
    [3, this.#router],
    [12, this.#hostName],
    [50, this.#requestedAddress],
    [52, this.#overload],
    [53, this.#messageType],
    [54, this.#serverIdentifier],
    [55, this.parameterList],
    [60, this.vendorClass],
    [61, this.clientIdentifier],
    [81, this.#clientFqdn],
  ]);
  readonly #all = [...this.#byCode.values()];

  /** Option 53; -1 when the message has none (plain BOOTP). */
  get messageType(): number {
    return this.#messageType.length === 1 ? uint8(this.#messageType.bytes, this.#messageType.start) : NO_MESSAGE_TYPE;
  }

  /** Option 12, else the name in option 81 as dotted text. */
  get hostname(): Span {
    return this.#hostName.length > 0 ? this.#hostName : this.#fqdn;
  }

  /** Option 50; 0 when absent. */
  get requestedAddress(): number {
    return firstAddress(this.#requestedAddress);
  }

  /** Option 54; 0 when absent. */
  get serverIdentifier(): number {
    return firstAddress(this.#serverIdentifier);
  }

  /** Option 1; 0 when absent. */
  get subnetMask(): number {
    return firstAddress(this.#subnetMask);
  }

  /** The first address of option 3; 0 when absent. */
  get router(): number {
    return firstAddress(this.#router);
  }

  /**
   * Reads the options of the message at `at`, whose fixed part is complete. A message without the magic cookie has none, which is
   * correct (plain BOOTP). Returns false when an option goes beyond its field, unless the message is known to be `cut` there, or when
   * the message type is not one octet.
   */
  read(frame: Uint8Array, at: number, end: number, cut: boolean): boolean {
    for (const option of this.#all) option.clear();
    this.#fqdn.clear();
    if (end - at < OPTIONS || uint32(frame, at + MAGIC_COOKIE_AT) !== MAGIC_COOKIE) return true;

    if (!this.#readField(frame, at + OPTIONS, end, cut)) return false;
    // RFC 3396, 5: the fields are read in this order, and an option may go on from one field to the next.
    const overload = this.#overload.length === 1 ? uint8(this.#overload.bytes, this.#overload.start) : 0;
    if (overload === OVERLOAD_FILE || overload === OVERLOAD_BOTH) {
      if (!this.#readField(frame, at + FILE, at + MAGIC_COOKIE_AT, false)) return false;
    }
    if (overload === OVERLOAD_SNAME || overload === OVERLOAD_BOTH) {
      if (!this.#readField(frame, at + SNAME, at + FILE, false)) return false;
    }
    this.#readFqdn();
    return this.#messageType.length <= 1;
  }

  #readField(frame: Uint8Array, start: number, end: number, cut: boolean): boolean {
    let at = start;
    while (at < end) {
      const code = uint8(frame, at);
      at += 1;
      if (code === PAD) continue;
      if (code === END) return true;
      if (at === end) return cut;
      const valueAt = at + 1;
      at = valueAt + uint8(frame, at);
      if (at > end) return cut;
      this.#byCode.get(code)?.add(frame, valueAt, at);
    }
    // Many devices leave out the End option when the field ends there.
    return true;
  }

  /** RFC 4702, 2: flags, two obsolete result codes, then the name in wire format or, from old clients, as text. */
  #readFqdn(): void {
    const { bytes, start, end } = this.#clientFqdn;
    if (end - start <= FQDN_FLAGS_LENGTH) return;
    if (uint8(bytes, start) & FQDN_CANONICAL) readDomainName(bytes, start + FQDN_FLAGS_LENGTH, end, this.#fqdn);
    else this.#fqdn.set(bytes, start + FQDN_FLAGS_LENGTH, end);
  }
}

function firstAddress(option: Span): number {
  return option.length >= 4 ? uint32(option.bytes, option.start) : 0;
}
