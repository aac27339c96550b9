// Reads ignore rules as people write them in settings and on the command line.
import { macDigits, parseMac } from '../addresses/mac-address.js';
import type { IgnoreRules, MacRule, NameRule } from '../devices/ignore-rules.js';

/** Reads a MAC in any notation, or its first one to five octets separated by `:` or `-`. */
function parseMacRule(written: string): MacRule | null {
  const mac = parseMac(written);
  if (mac !== null) return { digits: macDigits(mac), written };
  const prefix = written.toLowerCase().replace(/[:-]\*?$/, '');
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){0,4}$/.test(prefix)) return null;
  return { digits: prefix.replace(/[:-]/g, ''), written };
}

/** Mistakes in writing an address. No vendor in the registries has such a name, which a test checks. */
const ALMOST_MACS: readonly RegExp[] = [
  // 3c:22:zz, 3c:2, 3:22:fb, 3c:22:fb:00:00:01:02
  /^[0-9a-f]{2}:|^[0-9a-z]{1,2}:[0-9a-z]{1,2}:/i,
  // 3c-22-zz, but not ap-01-02 or ad-12-lounge
  /^[0-9a-f]{2}-[0-9a-f]{2}(-[0-9a-z]{0,2})+\*?$/i,
  // 3c22.fb00, 3c22.fb00.zz01
  /^[0-9a-f]{4}\.[0-9a-f]{4}(\.[0-9a-z]{0,4})?\*?$/i,
  // 3c22fb, but not facade
  /^(?=.*[0-9])[0-9a-f]{6}\*?$/i,
];

/** What to do with a real name that looks like an address. */
const OR_A_NAME = ' (a name that looks like one goes into IGNORE_HOSTNAMES or IGNORE_VENDORS)';

function notAMac(written: string): string {
  return `${JSON.stringify(written)} is not a MAC address or the beginning of one, such as 00:11:22`;
}

/**
 * Reads a pattern: `*` stands for any characters, `?` for one. Upper and lower case are the same. It is no regular expression, because
 * with several stars that could take seconds for a host name that a stranger sends.
 */
export function patternOf(written: string): (text: string) => boolean {
  const pattern = folded(written);
  return (text) => matches(pattern, folded(text));
}

/** Returns code points without their case. `?` stands for a code point. */
function folded(text: string): string[] {
  return Array.from(text, (character) => character.toLowerCase());
}

/** Only the text for the latest star is made longer until the pattern fits. The stars before it need not be tried again. */
function matches(pattern: readonly string[], text: readonly string[]): boolean {
  let at = 0;
  let starAt = -1;
  let starEnd = 0;
  for (let index = 0; index < text.length; ) {
    const wanted = pattern[at];
    if (wanted === '*') {
      starAt = at++;
      starEnd = index;
    } else if (wanted === '?' || wanted === text[index]) {
      at++;
      index++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      index = ++starEnd;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

function parseNameRule(written: string): NameRule {
  return { matches: patternOf(written), written };
}

/** Reads rules as they are written in settings. `problems` has a sentence for each wrong rule. */
export function parseIgnoreRules(written: {
  macs: readonly string[];
  vendors: readonly string[];
  hostnames: readonly string[];
}): { rules: IgnoreRules; problems: string[] } {
  const problems: string[] = [];
  const macs: MacRule[] = [];
  for (const text of written.macs) {
    const rule = parseMacRule(text);
    if (rule === null) problems.push(notAMac(text));
    else macs.push(rule);
  }
  return {
    rules: { macs, vendors: written.vendors.map(parseNameRule), hostnames: written.hostnames.map(parseNameRule) },
    problems,
  };
}

/**
 * Adds rules as they are written on a command line: an address or its beginning, or a pattern for vendors and host names. Text that is
 * nearly an address is a problem: as a name it would match nothing, and nobody would notice.
 */
export function withRules(
  rules: IgnoreRules,
  written: readonly string[],
): { rules: IgnoreRules; problems: readonly string[] } {
  const problems: string[] = [];
  const macs = [...rules.macs];
  const names: NameRule[] = [];
  for (const text of written) {
    const rule = parseMacRule(text);
    if (rule !== null) macs.push(rule);
    else if (ALMOST_MACS.some((slip) => slip.test(text))) problems.push(`${notAMac(text)}${OR_A_NAME}`);
    else names.push(parseNameRule(text));
  }
  return {
    rules: { macs, vendors: [...rules.vendors, ...names], hostnames: [...rules.hostnames, ...names] },
    problems,
  };
}
