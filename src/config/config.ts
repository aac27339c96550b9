// The validated settings, as the rest of the program takes them.
import type { MacAddress } from '../addresses/mac-address.js';
import type { IgnoreRules } from '../devices/ignore-rules.js';
import type { Login } from '../nexudus/token.js';

/** One or more settings are wrong. `problems` has one line each, naming the variable and what would be right. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

/** Times are milliseconds; names of units are in the field names. */
export interface Config {
  readonly nexudusUrl: string;
  readonly login: Login | null;
  readonly clientId: string | null;
  readonly businessId: number | null;
  readonly postsPerMinute: number;
  readonly postsPerDay: number;
  readonly interfaces: readonly string[];
  readonly promiscuous: boolean;
  readonly ipv6: boolean;
  readonly learnEquipment: boolean;
  readonly redisUrl: string | null;
  readonly visitGapMs: number;
  readonly settleTimeMs: number;
  readonly directoryRefreshMs: number;
  /** The local list: names by MAC. */
  readonly knownDevices: ReadonlyMap<MacAddress, string>;
  readonly ignore: IgnoreRules;
  readonly timeZone: string | null;
  readonly dryRun: boolean;
  readonly reportAgainAfterMs: number;
  readonly reportInactive: boolean;
  readonly silenceAlarmMs: number;
  readonly retentionMs: number;
  readonly statusHost: string;
  readonly statusPort: number;
  readonly statusToken: string | null;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly logMacs: 'masked' | 'full';
}
