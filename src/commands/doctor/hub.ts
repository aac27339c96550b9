// What `wifi-monitor doctor` finds out about the hub of a sensor: whether it takes this sensor's token, and the clocks.
import type { Config } from '../../config/config.js';
import { HubLink } from '../../hub/hub-link.js';
import { MAX_CLOCK_OFFSET_MS } from '../../status/facts/hub-facts.js';
import { type Finding, fail, ok } from './finding.js';

export async function* examineHub(hub: NonNullable<Config['hub']>, { businessId }: Config): AsyncGenerator<Finding> {
  const link = new HubLink({
    ...hub,
    version: 'doctor',
    businessId,
    timeZone: null,
    state: () => null,
    onClock: () => {},
  });
  try {
    const answer = await link.handOver([]);
    switch (answer.kind) {
      case 'answered': {
        yield ok('hub', `the hub at ${hub.url} takes what this sensor hands over`);
        const seconds = Math.round(Math.abs(link.clockOffsetMs ?? 0) / 1_000);
        yield seconds * 1_000 > MAX_CLOCK_OFFSET_MS
          ? fail('clock', `${seconds} s from the hub's: turn on NTP`)
          : ok('clock', `within ${Math.max(1, seconds)} s of the hub's`);
        return;
      }
      case 'not-authorised':
        yield fail('hub', `${answer.reason}. Check HUB_TOKEN ("wifi-monitor sensor list" where the hub is)`);
        return;
      case 'wait':
      case 'refused':
      case 'unavailable':
        yield fail('hub', `${answer.reason}. Check HUB_URL and this machine's way to it`);
    }
  } finally {
    await link.close();
  }
}
