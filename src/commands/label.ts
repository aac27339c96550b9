// `wifi-monitor label`: lists the labels, sets a label or removes it.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { type LabelStore, RedisLabelStore } from '../devices/label-store.js';
import { type LabelKind, MAX_LABELS } from '../devices/labels.js';
import { HubLabelStore } from '../hub/hub-label-store.js';
import { HubLink } from '../hub/hub-link.js';
import { countWords } from '../presenters/count-words.js';
import { labelJson, labelsJson } from '../presenters/label-json.js';
import { printTable } from '../presenters/table.js';
import { withRedis } from '../sensor/redis-connection.js';

export type LabelRequest =
  | { readonly kind: 'list' }
  | { readonly kind: 'set'; readonly mac: MacAddress; readonly as: LabelKind; readonly name: string | null }
  | { readonly kind: 'remove'; readonly mac: MacAddress };

const IN_FORCE = 'Running monitors follow within two seconds.';

/** Returns the exit code. @throws ConfigError */
export function label(request: LabelRequest, options: { readonly json: boolean }): Promise<number> {
  return withLabels(async (store) => {
    switch (request.kind) {
      case 'list':
        await list(store, options.json);
        return 0;
      case 'set': {
        const { mac, as, name } = request;
        const given = { kind: as, name, sinceMs: Date.now() };
        if (!(await store.put(mac, given))) {
          throw new Error(
            `there are ${MAX_LABELS} labels already: remove some first ("wifi-monitor label" lists them)`,
          );
        }
        const words = `${formatMac(mac)} is labelled as ${as}${name === null ? '' : ` (${name})`}. ${IN_FORCE}`;
        process.stdout.write(`${options.json ? JSON.stringify(labelJson(mac, given)) : words}\n`);
        return 0;
      }
      case 'remove':
        if (!(await store.remove(request.mac))) {
          throw new Error(`${formatMac(request.mac)} has no label ("wifi-monitor label" lists them)`);
        }
        if (!options.json) process.stdout.write(`${formatMac(request.mac)} has no label any more. ${IN_FORCE}\n`);
        return 0;
    }
  });
}

async function list(store: LabelStore, json: boolean): Promise<void> {
  const labels = labelsJson(await store.all());
  if (json) {
    for (const entry of labels) process.stdout.write(`${JSON.stringify(entry)}\n`);
    return;
  }
  const rows = labels.map(({ mac, as, name, since }) => [mac, as, name ?? '', since.slice(0, 19)]);
  printTable(
    [{ title: 'MAC' }, { title: 'AS' }, { title: 'NAME', least: 12 }, { title: 'SINCE (UTC)', dispensable: 1 }],
    rows,
  );
  process.stdout.write(`${countWords(labels.length, 'label')}.\n`);
}

/** A sensor's labels are its hub's. They can be set and removed from here, but not read. */
async function withHubLabels<T>(
  hub: { readonly url: string; readonly token: string },
  businessId: number | null,
  work: (store: LabelStore) => Promise<T>,
): Promise<T> {
  const link = new HubLink({
    ...hub,
    version: 'label',
    businessId,
    timeZone: null,
    state: () => null,
    onClock: () => {},
  });
  const store = new HubLabelStore(link, () => {});
  const all = () => Promise.reject(new Error('the labels are kept at the hub: list them there'));
  try {
    return await work({
      isLasting: true,
      all,
      put: (mac, label) => store.put(mac, label),
      remove: (mac) => store.remove(mac),
      labelOf: () => store.labelOf(),
    });
  } finally {
    await link.close();
  }
}

async function withLabels<T>(work: (store: LabelStore) => Promise<T>): Promise<T> {
  const { redisUrl, businessId, hub } = readConfig(process.env, { nexudus: false });
  if (hub !== null) return await withHubLabels(hub, businessId, work);
  const problems = [
    ...(redisUrl === null
      ? [
          'REDIS_URL: must be set: without Redis a label lasts as long as the monitor, and only its page and API can give entry ' +
            '(IGNORE_MACS and KNOWN_DEVICES_FILE last)',
        ]
      : []),
    ...(businessId === null ? ['NEXUDUS_BUSINESS_ID: must be set: labels belong to a location'] : []),
  ];
  if (redisUrl === null || businessId === null) throw new ConfigError(problems);
  return withRedis(redisUrl, (redis) => work(new RedisLabelStore(redis, businessId)));
}
