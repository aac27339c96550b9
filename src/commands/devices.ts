// `wifi-monitor devices`: lists the known devices, from the snapshot in Redis or else from Nexudus.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { type Config, ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { Directory, type Owner } from '../devices/directory/directory.js';
import { DirectorySnapshot } from '../devices/directory/directory-snapshot.js';
import { ownerOf } from '../devices/directory/directory-sync.js';
import { createNexudusClient } from '../nexudus/client.js';
import { type KnownUser, readKnownDevices } from '../nexudus/known-devices.js';
import { countWords } from '../presenters/count-words.js';
import { printTable } from '../presenters/table.js';
import { withRedis } from '../sensor/redis-connection.js';

interface DeviceLine {
  readonly type: 'device';
  readonly mac: string;
  readonly owner: {
    readonly kind: Owner['kind'];
    readonly id: number | null;
    readonly name: string;
    readonly status: string | null;
  };
}

/** Prints every known device. Returns the exit code. @throws ConfigError, NexudusError */
export async function devices(options: { readonly json: boolean }): Promise<number> {
  const config = readConfig(process.env, { nexudus: false });
  const directory = new Directory(config.knownDevices);
  const register = (user: KnownUser) => directory.register(user.userId, ownerOf(user), user.macs);
  const snapshot = await fromSnapshot(config, register).catch((error: Error) => {
    if (config.login === null) throw error;
    process.stderr.write(`wifi-monitor: no snapshot: ${error.message}. Asking Nexudus\n`);
    return null;
  });
  const source = snapshot ?? (await fromNexudus(config, register));

  const lines = linesOf(directory);
  if (options.json) for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
  else {
    const rows = lines.map(({ mac, owner }) => [mac, owner.name, owner.kind, owner.status ?? '']);
    printTable([{ title: 'MAC' }, { title: 'NAME', least: 12 }, { title: 'KIND' }, { title: 'STATUS' }], rows);
    process.stdout.write(`${countWords(lines.length, 'known device')}, ${source}.\n`);
  }
  return 0;
}

/** Returns where the devices came from, in words; null when there is no snapshot. */
async function fromSnapshot(
  { redisUrl, businessId, retentionMs }: Config,
  register: (user: KnownUser) => void,
): Promise<string | null> {
  if (redisUrl === null || businessId === null) return null;
  const readAt = await withRedis(redisUrl, (redis) =>
    new DirectorySnapshot(redis, businessId, retentionMs).load(register, new Map()),
  );
  return readAt === null ? null : `as the monitor read them at ${readAt.toISOString()}`;
}

async function fromNexudus(config: Config, register: (user: KnownUser) => void): Promise<string> {
  if (config.login === null) {
    if (config.knownDevices.size > 0) return 'all of them in the local list';
    throw new ConfigError([
      'NEXUDUS_USERNAME: must be set, with NEXUDUS_PASSWORD, to read the registered devices (or KNOWN_DEVICES_FILE)',
    ]);
  }
  const client = createNexudusClient({ url: config.nexudusUrl, auth: config.login, clientId: 'wifi-monitor-devices' });
  try {
    for await (const { users } of readKnownDevices(client)) for (const user of users) register(user);
  } finally {
    await client.close();
  }
  return 'read from Nexudus just now';
}

function linesOf(directory: Directory): DeviceLine[] {
  const owners = new Map<MacAddress, Owner>();
  for (const [mac, name] of directory.localEntries()) owners.set(mac, { kind: 'local', name });
  for (const { macs } of directory.entries()) {
    for (const mac of macs) {
      const owner = directory.lookup(mac);
      if (owner !== null) owners.set(mac, owner);
    }
  }
  return [...owners]
    .sort(([a, { name: nameA }], [b, { name: nameB }]) => nameA.localeCompare(nameB) || a - b)
    .map(([mac, owner]) => ({ type: 'device', mac: formatMac(mac), owner: describe(owner) }));
}

function describe(owner: Owner): DeviceLine['owner'] {
  switch (owner.kind) {
    case 'coworker':
      return { kind: 'coworker', id: owner.id, name: owner.name, status: owner.status };
    case 'staff':
      return { kind: 'staff', id: owner.userId, name: owner.name, status: null };
    case 'local':
      return { kind: 'local', id: null, name: owner.name, status: null };
  }
}
