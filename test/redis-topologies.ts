// Real Redis servers that stand in for each other: a primary with replicas and sentinels, and a cluster of six nodes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RedisServer, startRedis } from './redis-server.js';
import { RunningProcess, run } from './run-process.js';
import { until } from './until.js';

const SENTINELS = 3;
const PRIMARY_NAME = 'mymaster';
/** Soon enough for a test, and long enough for a machine that is busy. */
const DOWN_AFTER_MS = 2_000;
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** One primary, two replicas, three sentinels. */
export class SentinelTrial {
  private constructor(
    readonly servers: readonly RedisServer[],
    private readonly sentinels: readonly RunningProcess[],
    private readonly sentinelPorts: readonly number[],
    private readonly directory: string,
  ) {}

  static async start(args: readonly string[] = []): Promise<SentinelTrial> {
    const primary = await startRedis({ args: [...DURABLE, ...args] });
    const replicaOf = ['--replicaof', '127.0.0.1', `${primary.port}`];
    // A replica that takes its time to be in step must not delay every test.
    const replicas = await Promise.all(
      [1, 2].map(() => startRedis({ args: [...DURABLE, ...replicaOf, '--repl-diskless-sync-delay', '0', ...args] })),
    );
    const directory = await mkdtemp(join(tmpdir(), 'nwm-sentinel-'));
    const ports: number[] = [];
    const sentinels: RunningProcess[] = [];
    for (let index = 0; index < SENTINELS; index++) {
      const port = await freePort();
      const file = join(directory, `sentinel-${index}.conf`);
      await writeFile(
        file,
        [
          'bind 127.0.0.1',
          `port ${port}`,
          `dir ${directory}`,
          `sentinel monitor ${PRIMARY_NAME} 127.0.0.1 ${primary.port} 2`,
          `sentinel down-after-milliseconds ${PRIMARY_NAME} ${DOWN_AFTER_MS}`,
          `sentinel failover-timeout ${PRIMARY_NAME} 10000`,
          '',
        ].join('\n'),
      );
      ports.push(port);
      sentinels.push(new RunningProcess('redis-server', [file, '--sentinel']));
    }
    const trial = new SentinelTrial([primary, ...replicas], sentinels, ports, directory);
    await until('the sentinels know the replicas and each other', () => trial.isComplete());
    return trial;
  }

  get url(): string {
    return `redis-sentinel://${this.sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',')}/0#${PRIMARY_NAME}`;
  }

  /** The server that the sentinels name now. */
  async primary(): Promise<RedisServer> {
    const [, port] = (await this.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME)).split('\n');
    const found = this.servers.find((server) => server.port === Number(port));
    if (found === undefined) throw new Error(`the sentinels name a server that is none of ours: ${port}`);
    return found;
  }

  /** Kills the primary; resolves when the sentinels name another. Returns the one that was killed. */
  async failOver(): Promise<RedisServer> {
    const before = await this.killPrimary();
    await this.otherThan(before);
    return before;
  }

  async killPrimary(): Promise<RedisServer> {
    const primary = await this.primary();
    await primary.kill();
    return primary;
  }

  async otherThan(before: RedisServer): Promise<void> {
    await until('the sentinels name another primary', async () => (await this.primary()) !== before);
  }

  async stop(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
    await rm(this.directory, { recursive: true, force: true });
  }

  private async isComplete(): Promise<boolean> {
    const answers = await Promise.all(
      this.sentinelPorts.map((port) =>
        run('redis-cli', ['-p', `${port}`, 'SENTINEL', 'MASTER', PRIMARY_NAME]).catch(() => ''),
      ),
    );
    const field = (text: string, name: string) => text.split('\n')[text.split('\n').indexOf(name) + 1]?.trim();
    const inStep = await Promise.all(this.servers.map((server) => server.cli('INFO', 'replication')));
    const online = inStep[0]?.match(/state=online/g)?.length ?? 0;
    return (
      online === 2 &&
      answers.every(
        (text) => field(text, 'num-slaves') === '2' && field(text, 'num-other-sentinels') === `${SENTINELS - 1}`,
      )
    );
  }

  private ask(...command: string[]): Promise<string> {
    return run('redis-cli', ['-p', `${this.sentinelPorts[0]}`, ...command]);
  }
}

/** Three primaries with a replica each. */
export class ClusterTrial {
  private constructor(readonly nodes: readonly RedisServer[]) {}

  static async start(args: readonly string[] = []): Promise<ClusterTrial> {
    const nodes: RedisServer[] = [];
    for (let index = 0; index < 6; index++) {
      const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', `${DOWN_AFTER_MS}`];
      const bus = ['--cluster-port', `${await freePort()}`];
      nodes.push(await startRedis({ args: [...DURABLE, ...settings, ...bus, ...args] }));
    }
    const trial = new ClusterTrial(nodes);
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
    await until('the cluster is up on every node', async () => {
      const states = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'INFO')));
      return states.every((state) => state.includes('cluster_state:ok'));
    });
    return trial;
  }

  get url(): string {
    return `redis-cluster://${this.nodes
      .slice(0, 3)
      .map(({ port }) => `127.0.0.1:${port}`)
      .join(',')}`;
  }

  async primaries(): Promise<RedisServer[]> {
    const roles = await Promise.all(this.nodes.map((node) => node.cli('ROLE').catch(() => '')));
    return this.nodes.filter((_node, index) => roles[index]?.startsWith('master'));
  }

  /** Kills the primary that has the outbox; resolves when its replica has taken its place. Returns the one that was killed. */
  async failOver(): Promise<RedisServer> {
    const primaries = await this.primaries();
    const [first] = primaries;
    if (first === undefined) throw new Error('no primary');
    const slot = Number(await first.cli('CLUSTER', 'KEYSLOT', '{nwm:outbox}'));
    const nodes = await first.cli('CLUSTER', 'NODES');
    const ids = await Promise.all(primaries.map((node) => node.cli('CLUSTER', 'MYID')));
    const before = primaries[ids.findIndex((id) => hasSlot(nodes, id, slot))];
    if (before === undefined) throw new Error(`nobody has slot ${slot}`);
    await before.kill();
    await until('a replica has taken the place of the primary', async () => {
      const now = await this.primaries();
      return now.length === primaries.length && !now.includes(before);
    });
    return before;
  }

  /** Moves the slot of `key` from the primary that has it to the next one, with all that lies in it. */
  async moveSlotOf(key: string): Promise<void> {
    const primaries = await this.primaries();
    const [first] = primaries;
    if (first === undefined) throw new Error('no primary');
    const slot = await first.cli('CLUSTER', 'KEYSLOT', key);
    const ids = await Promise.all(primaries.map((node) => node.cli('CLUSTER', 'MYID')));
    const nodesText = await first.cli('CLUSTER', 'NODES');
    const ownerIndex = ids.findIndex((id) => hasSlot(nodesText, id, Number(slot)));
    const source = primaries[ownerIndex];
    const targetIndex = (ownerIndex + 1) % primaries.length;
    const target = primaries[targetIndex];
    if (source === undefined || target === undefined) throw new Error(`nobody has slot ${slot}`);
    await target.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[ownerIndex] ?? '');
    await source.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[targetIndex] ?? '');
    for (;;) {
      const keys = (await source.cli('CLUSTER', 'GETKEYSINSLOT', slot, '10')).split('\n').filter((name) => name !== '');
      if (keys.length === 0) break;
      await source.cli('MIGRATE', '127.0.0.1', `${target.port}`, '', '0', '10000', 'KEYS', ...keys);
    }
    const owner = ids[targetIndex] ?? '';
    for (const node of [target, source, ...primaries.filter((other) => other !== target && other !== source)])
      await node.cli('CLUSTER', 'SETSLOT', slot, 'NODE', owner);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** Whether CLUSTER NODES says that the node has the slot. */
function hasSlot(nodes: string, id: string, slot: number): boolean {
  const line = nodes.split('\n').find((text) => text.startsWith(id)) ?? '';
  return line
    .split(' ')
    .slice(8)
    .some((range) => {
      const [from, to = from] = range.split('-').map(Number);
      return from !== undefined && to !== undefined && slot >= from && slot <= to;
    });
}
