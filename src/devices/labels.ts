// Labels: an operator says of a device that it is equipment, or known, perhaps with a name. This is the index in memory.
import type { MacAddress } from '../addresses/mac-address.js';
import { Span } from '../decode/sighting.js';
import { safeText } from '../decode/text.js';

export const LABEL_KINDS = ['equipment', 'known'] as const;
export type LabelKind = (typeof LABEL_KINDS)[number];

export interface Label {
  readonly kind: LabelKind;
  readonly name: string | null;
  /** When the operator set it, ms since the epoch. */
  readonly sinceMs: number;
}

/** A location has at most so many. */
export const MAX_LABELS = 10_000;
/** Characters (code points) of a name. */
export const MAX_LABEL_NAME = 64;

/** The labels as other rooms use them. */
export interface LabelView {
  of(mac: MacAddress): Label | null;
}

/** Returns the name as it is kept, with single spaces. Null when it is empty, too long, or has invisible characters. */
export function labelName(text: string): string | null {
  const name = text.trim().replace(/\p{Zs}+/gu, ' ');
  // A code point has at most two UTF-16 units, so a longer text is too long.
  if (name.length > 2 * MAX_LABEL_NAME) return null;
  const bytes = Buffer.from(name);
  const span = new Span();
  span.set(bytes, 0, bytes.length);
  return safeText(span, MAX_LABEL_NAME) === name ? name : null;
}

/** The rule of `labelName`, for messages. */
export const LABEL_NAME_RULE = `write a name of 1 to ${MAX_LABEL_NAME} characters on one line, without invisible ones`;

export class Labels implements LabelView {
  private byMac: ReadonlyMap<MacAddress, Label> = new Map();

  of(mac: MacAddress): Label | null {
    return this.byMac.get(mac) ?? null;
  }

  all(): ReadonlyMap<MacAddress, Label> {
    return this.byMac;
  }

  /** Replaces all labels. Returns the devices whose label has changed. */
  replace(labels: ReadonlyMap<MacAddress, Label>): ReadonlySet<MacAddress> {
    const changed = new Set<MacAddress>();
    for (const [mac, label] of labels) if (!isSame(label, this.of(mac))) changed.add(mac);
    for (const mac of this.byMac.keys()) if (!labels.has(mac)) changed.add(mac);
    this.byMac = labels;
    return changed;
  }
}

function isSame(label: Label, before: Label | null): boolean {
  return before !== null && label.kind === before.kind && label.name === before.name;
}
