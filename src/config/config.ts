// The settings as the program uses them, after they were checked.
import type { MacAddress } from '../addresses/mac-address.js';
import type { IgnoreRules } from '../devices/ignore-rules.js';
import type { Login } from '../nexudus/token.js';

/** Settings are wrong. `problems` has a line for each, which names the variable and says what would be right. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
  }
}

/** Units are part of the names. See schema.ts for the meaning of each setting. */
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
  readonly keepAlives: boolean;
  readonly probePresent: boolean;
  readonly learnEquipment: boolean;
  readonly redisUrl: string | null;
  readonly visitGapMs: number;
  readonly settleTimeMs: number;
  readonly directoryRefreshMs: number;
  /** The local list of devices: names by MAC. */
  readonly knownDevices: ReadonlyMap<MacAddress, string>;
  readonly ignore: IgnoreRules;
  readonly timeZone: string | null;
  readonly dryRun: boolean;
  readonly reportAgainAfterMs: number;
  readonly reportInactive: boolean;
  readonly hintOwners: boolean;
  readonly silenceAlarmMs: number;
  readonly retentionMs: number;
  readonly outboxRetentionMs: number;
  readonly statusHost: string;
  readonly statusPort: number;
  readonly statusToken: string | null;
  /** The webhook and the secret that signs for it; null when nobody is told. */
  readonly notify: { readonly url: string; readonly secret: string } | null;
  /** The hub that this sensor hands its visits over to; null when it delivers by itself. */
  readonly hub: { readonly url: string; readonly token: string } | null;
  readonly hubHost: string;
  readonly hubPort: number;
  readonly hubTls: { readonly certFile: string; readonly keyFile: string } | null;
  readonly hubShareNames: boolean;
  readonly hubVisitsPerMinute: number;
  readonly hubVisitsPerDay: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly logMacs: 'masked' | 'full';
}
