// A small office network made of network namespaces: a switch, a router with a real DHCP server, real DHCP clients, and
// sensors to listen from. Nothing is added to the machine's own namespace; whatever happens to the tests, all of it goes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessOptions, RunningProcess, run } from '../run-process.js';
import { until } from '../until.js';

export interface LanOptions {
  /** First two octets of every IPv4 address; the router is .0.1, leases are .0.100 to .0.199. Default `10.77`. */
  subnet?: string;
  /** Of dnsmasq, whose shortest is `2m`. Default `12h`. */
  leaseTime?: string;
  /** False: no DHCP server on this LAN. Default true. */
  dhcp?: boolean;
  /** True: clients have IPv6, the router advertises fd77::/64 (SLAAC) and serves DHCPv6. Default false: not a frame of IPv6. */
  ipv6?: boolean;
  routerMac?: string;
  dnsmasqArgs?: readonly string[];
}

export interface ClientOptions {
  /** Default: a locally administered one. */
  mac?: string;
  /** DHCP option 12. */
  hostname?: string;
  /** DHCP option 81; its name is ASCII from udhcpc and in DNS wire format from dhclient, the two that are found in the wild. */
  fqdn?: string;
  /** DHCP option 60; '' sends none. Default: the client's own habit. */
  vendorClass?: string;
  /** DHCP option 55; default: the client's own habit. */
  parameterList?: readonly number[];
  dhcpClient?: 'udhcpc' | 'dhclient';
  /** The VLAN it is in, seen tagged by everybody on the main LAN; a pair is QinQ (802.1ad outside, 802.1Q inside). */
  vlan?: number | readonly [outer: number, inner: number];
}

const top = import.meta.dirname.replace(/(\/dist)?\/test\/lan$/, '');
const dhcpEvent = join(top, 'test/lan/dhcp-event');
const vlanTagger = join(top, 'test/lan/vlan-tagger.mjs');
const mdnsSender = join(top, 'test/lan/mdns-sender.mjs');
const mdnsQuery = join(top, 'test/lan/mdns-query.mjs');
const trunk = 'lan';

// Waits until its standard input ends, which it does when the test closes it and also when the test's process dies.
const reaper = `cat >/dev/null
ip netns list | cut -d' ' -f1 | grep "^$1" | while read -r netns; do
  ip netns pids "$netns" | xargs -r kill -KILL
  ip netns delete "$netns"
done
rm -rf "$2"`;

let lansMade = 0;

/** A machine on the LAN: a network namespace with an interface `eth0` plugged into the switch. */
export class Station {
  readonly lan: Lan;
  readonly netns: string;

  constructor(lan: Lan, netns: string) {
    this.lan = lan;
    this.netns = netns;
  }

  /** Runs a program in the station to its end and resolves with its standard output; rejects when it fails. */
  run(command: string, args: readonly string[], options: Omit<ProcessOptions, 'netns'> = {}): Promise<string> {
    return run(command, args, { ...options, netns: this.netns });
  }

  /** Starts a program in the station. */
  start(command: string, args: readonly string[], options: Omit<ProcessOptions, 'netns'> = {}): RunningProcess {
    return new RunningProcess(command, args, { ...options, netns: this.netns });
  }

  /** Starts tcpdump in the station and resolves once it captures. `stop()` it for a complete file. */
  async tcpdump(args: readonly string[], options: Omit<ProcessOptions, 'netns'> = {}): Promise<RunningProcess> {
    const tcpdump = this.start('tcpdump', ['--immediate-mode', '-Z', 'root', '-U', '-l', '-nn', ...args], options);
    await tcpdump.waitForLine(/listening on/);
    return tcpdump;
  }

  /** Sends the frames of a capture file as they are, as fast as tcpreplay can. */
  async inject(file: string, tcpreplayArgs: readonly string[] = ['--topspeed']): Promise<void> {
    await this.run('tcpreplay', ['-q', '-i', 'eth0', ...tcpreplayArgs, file]);
  }

  async mac(interfaceName = 'eth0'): Promise<string> {
    const [link] = JSON.parse(await this.run('ip', ['-json', 'link', 'show', interfaceName])) as { address: string }[];
    return link?.address ?? '';
  }

  /** Pulls the plug of an interface: it stays, without carrier. */
  unplug(interfaceName = 'eth0'): Promise<void> {
    return this.lan.setPort(this.netns, interfaceName, 'down');
  }

  /** Resolves once frames pass. */
  plug(interfaceName = 'eth0'): Promise<void> {
    return this.lan.setPort(this.netns, interfaceName, 'up');
  }
}

/** Where a monitor runs, with a loopback of its own. Redis and the sandbox API have to run in here too to be reached. */
export class Sensor extends Station {
  /** Adds an interface to the same LAN, or to a VLAN that a client is in; also under a name that was deleted before. */
  addInterface(name: string, mac?: string, vlan?: string): Promise<void> {
    return this.lan.attach(this, name, mac, vlan);
  }

  async deleteInterface(name: string): Promise<void> {
    await this.run('ip', ['link', 'delete', name]);
  }
}

/** A visitor's device, with a real DHCP client. */
export class Client extends Station {
  readonly #options: ClientOptions;
  #dhcp: RunningProcess | undefined;
  /** Its IPv4 address, once it has one. */
  ip: string | undefined;

  constructor(lan: Lan, netns: string, options: ClientOptions) {
    super(lan, netns);
    this.#options = options;
  }

  /**
   * Starts the DHCP client and resolves with the leased address. A client that runs already is put to death before. A
   * dhclient that had a lease asks for it again without a DISCOVER (INIT-REBOOT), as a waking laptop does.
   */
  async lease(): Promise<string> {
    await this.connect();
    await this.#endDhcp();
    this.#dhcp = this.start(...(await this.#dhcpCommand()));
    return await this.#leased(this.#dhcp, 0);
  }

  /** Renews the lease now: udhcpc by a unicast REQUEST, dhclient as in `lease`. */
  async renew(): Promise<string> {
    if (this.#dhcp === undefined || this.#options.dhcpClient === 'dhclient') return await this.lease();
    const after = this.#dhcp.lines.length;
    this.#dhcp.kill('SIGUSR1');
    return await this.#leased(this.#dhcp, after);
  }

  /** Gives the lease back (DHCPRELEASE) and ends the DHCP client. */
  async release(): Promise<void> {
    if (this.#dhcp === undefined) return;
    if (this.#options.dhcpClient === 'dhclient') {
      const [command, args] = await this.#dhcpCommand();
      await this.run(command, ['-r', ...args.filter((arg) => arg !== '-d')]);
    } else {
      const after = this.#dhcp.lines.length;
      this.#dhcp.kill('SIGUSR2');
      await this.#dhcp.waitForLine(/^dhcp-event deconfig/, { after });
    }
    await this.#endDhcp();
    this.ip = undefined;
  }

  /** Asks for a DHCPv6 address with dhclient; the LAN needs `ipv6`. */
  async lease6(): Promise<string> {
    await this.connect();
    await until('the link-local address has passed duplicate address detection', async () => {
      const addresses = await this.run('ip', ['-6', 'address', 'show', 'dev', 'eth0']);
      return addresses.includes('scope link') && !addresses.includes('tentative');
    });
    const [command, args] = await this.#dhclient('6');
    const [, ip = ''] = await this.start(command, args).waitForLine(/^dhcp-event BOUND6 (\S+)/);
    return ip;
  }

  /** Takes a fixed address, without DHCP. */
  async useAddress(ip: string): Promise<void> {
    await this.connect();
    await this.run('ip', ['address', 'replace', `${ip}/24`, 'dev', 'eth0']);
    this.ip = ip;
  }

  /** Broadcasts ARP requests for `target`, a second apart, and resolves once one is answered; rejects when none is. */
  async arping(target: string): Promise<void> {
    await this.run('busybox', ['arping', '-q', '-f', '-w', '60', '-I', 'eth0', target]);
  }

  /** Sends ARP announcements (RFC 5227 section 2.3) for its own address. */
  async announce(count = 1): Promise<void> {
    if (this.ip === undefined) throw new Error('a client without an address has nothing to announce');
    await this.run('busybox', ['arping', '-q', '-U', '-c', `${count}`, '-I', 'eth0', this.ip]);
  }

  /**
   * Sends ARP probes (RFC 5227 section 2.1.1), a second apart, and resolves with whether somebody answered within the second
   * after the last.
   */
  async probe(target: string, count = 1): Promise<boolean> {
    const { code } = await this.start('busybox', ['arping', '-q', '-D', '-c', `${count}`, '-I', 'eth0', target]).exit();
    return code !== 0;
  }

  /** Asks for a service by multicast DNS, once; nobody needs to answer. The client needs an address. */
  async askByMdns(service: string): Promise<void> {
    if (this.ip === undefined) throw new Error('a client without an address has none to ask from');
    await this.run(process.execPath, [mdnsQuery, this.ip, service]);
  }

  /** Sends what laptops and phones send by themselves, multicast DNS, and not a frame of ARP, until it is stopped. */
  async sendMulticastDns(content = 'hello'): Promise<RunningProcess> {
    const sender = this.start('node', [mdnsSender, this.ip ?? '', content]);
    await sender.waitForLine(/sending/);
    return sender;
  }

  async ping(target: string): Promise<void> {
    await this.run('busybox', ['ping', '-q', '-c', '1', '-W', '60', target]);
  }

  /** Leaves without a word: the DHCP client dies, the address is gone, the link is down. */
  async disconnect(): Promise<void> {
    await this.#endDhcp();
    await this.run('ip', ['address', 'flush', 'dev', 'eth0']);
    await this.run('ip', ['link', 'set', 'eth0', 'down']);
    this.ip = undefined;
  }

  /** Link up; resolves once frames pass. */
  async connect(): Promise<void> {
    await this.run('ip', ['link', 'set', 'eth0', 'up']);
    await this.plug();
  }

  async #leased(dhcp: RunningProcess, after: number): Promise<string> {
    const [, ip = ''] = await dhcp.waitForLine(/^dhcp-event (?:bound|renew|BOUND|REBOOT) (\S+)/, { after });
    this.ip = ip;
    return ip;
  }

  async #endDhcp(): Promise<void> {
    this.#dhcp?.kill('SIGKILL');
    await this.#dhcp?.exit();
    this.#dhcp = undefined;
  }

  async #dhcpCommand(): Promise<[command: string, args: string[]]> {
    return this.#options.dhcpClient === 'dhclient' ? await this.#dhclient('4') : this.#udhcpc();
  }

  #udhcpc(): [command: string, args: string[]] {
    const { hostname, fqdn, vendorClass, parameterList } = this.#options;
    const args = ['-f', '-i', 'eth0', '-s', dhcpEvent, '-t', '20', '-T', '1', '-A', '1'];
    if (hostname !== undefined) args.push('-x', `hostname:${hostname}`);
    if (fqdn !== undefined) args.push('-F', fqdn);
    if (vendorClass !== undefined) args.push('-V', vendorClass);
    if (parameterList !== undefined) args.push('-o', ...parameterList.flatMap((code) => ['-O', `${code}`]));
    return ['udhcpc', args];
  }

  async #dhclient(family: '4' | '6'): Promise<[command: string, args: string[]]> {
    const { hostname, fqdn, vendorClass, parameterList } = this.#options;
    const settings = ['initial-delay 0;', 'initial-interval 1;', 'backoff-cutoff 2;', 'retry 2;'];
    if (hostname !== undefined) settings.push(`send host-name "${hostname}";`);
    if (fqdn !== undefined) settings.push(`send fqdn.fqdn "${fqdn}";`, 'send fqdn.encoded on;');
    if (vendorClass) settings.push(`send vendor-class-identifier "${vendorClass}";`);
    if (parameterList !== undefined) settings.push(`send dhcp-parameter-request-list ${parameterList.join(', ')};`);
    const file = join(this.lan.directory, `${this.netns}-dhclient${family}`);
    await writeFile(`${file}.conf`, settings.join('\n'));
    const files = ['-cf', `${file}.conf`, '-lf', `${file}.leases`, '-pf', `${file}.pid`];
    return ['dhclient', ['-d', `-${family}`, ...files, '-sf', dhcpEvent, 'eth0']];
  }
}

export class Lan {
  /** Holds the switch; its interface `br0` sees every frame of the LAN. */
  readonly switch: Station;
  /** Has the DHCP server and the address `routerIp`. */
  readonly router: Station;
  /** Of this LAN alone, and removed with it. */
  readonly directory: string;
  readonly routerIp: string;
  readonly #options: LanOptions;
  readonly #name: string;
  readonly #reaper: ChildProcess;
  readonly #ports = new Map<string, string>();
  readonly #bridges = new Map<string, string>();
  #portsMade = 0;
  #stationsMade = 0;

  /** Makes the switch, the router and its DHCP server. Needs root. `close()` it when the test is over. */
  static async create(options: LanOptions = {}): Promise<Lan> {
    if (process.getuid?.() !== 0) {
      throw new Error('a test LAN is made of network namespaces, which needs root: run ./scripts/test as root');
    }
    const lan = new Lan(options, await mkdtemp(join(tmpdir(), 'nwm-lan-')));
    try {
      await lan.#make();
      return lan;
    } catch (error) {
      await lan.close();
      throw error;
    }
  }

  private constructor(options: LanOptions, directory: string) {
    this.#options = options;
    this.#name = `nwm-${process.pid}-${++lansMade}-`;
    this.directory = directory;
    this.routerIp = `${this.#subnet}.0.1`;
    this.switch = new Station(this, `${this.#name}lan`);
    this.router = new Station(this, `${this.#name}router`);
    // Detached: a Ctrl-C in the terminal ends the tests, not their cleaner.
    this.#reaper = spawn('sh', ['-c', reaper, 'sh', this.#name, directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#reaper.unref();
  }

  /** A place to listen from: its interface `eth0` gets what a switch port gets, broadcasts above all. */
  async sensor(): Promise<Sensor> {
    const sensor = new Sensor(this, await this.#namespace('sensor'));
    await sensor.addInterface('eth0');
    return sensor;
  }

  /** A device, connected; `lease()` gives it an address. */
  async client(options: ClientOptions = {}): Promise<Client> {
    const client = new Client(this, await this.#namespace('client'), options);
    const mac = options.mac ?? `02:00:5e:00:53:${this.#stationsMade.toString(16).padStart(2, '0')}`;
    const bridge = options.vlan === undefined ? trunk : await this.#vlan([options.vlan].flat());
    await this.attach(client, 'eth0', mac, bridge);
    return client;
  }

  /** Plugs a further interface of a station into the switch. */
  async attach(station: Station, interfaceName: string, mac?: string, bridge: string = trunk): Promise<void> {
    const port = `port${++this.#portsMade}`;
    this.#ports.set(`${station.netns} ${interfaceName}`, port);
    const peer = ['peer', 'name', interfaceName, ...(mac === undefined ? [] : ['address', mac])];
    await this.#ip(this.switch, `link add ${port} type veth ${peer.join(' ')} netns ${station.netns}`);
    await this.#ip(this.switch, `link set ${port} master ${this.#bridges.get(bridge)} up`);
    await this.#ip(station, `link set ${interfaceName} up`);
    await this.setPort(station.netns, interfaceName, 'up');
  }

  /** Switches a port off or on; resolves once frames stop or pass. */
  async setPort(netns: string, interfaceName: string, state: 'up' | 'down'): Promise<void> {
    const port = this.#ports.get(`${netns} ${interfaceName}`);
    if (port === undefined) throw new Error(`${netns} has no interface ${interfaceName} on this LAN`);
    await this.#ip(this.switch, `link set ${port} ${state}`);
    const expected = state === 'up' ? /state forwarding/ : /state disabled/;
    await until(`port of ${netns} ${interfaceName} is ${state}`, async () =>
      expected.test(await this.switch.run('ip', ['-details', 'link', 'show', port])),
    );
  }

  /** Ends every process in the LAN's namespaces and deletes them. Never rejects; a second call waits for the first. */
  async close(): Promise<void> {
    this.#reaper.ref();
    this.#reaper.stdin?.end();
    if (this.#reaper.exitCode === null) await once(this.#reaper, 'exit');
  }

  get #subnet(): string {
    return this.#options.subnet ?? '10.77';
  }

  async #make(): Promise<void> {
    await this.#addNamespace(this.switch.netns, false);
    await this.#addNamespace(this.router.netns, this.#options.ipv6);
    await this.#bridge(trunk, 'br0');
    await this.attach(this.router, 'eth0', this.#options.routerMac ?? '02:00:5e:00:53:ff');
    await this.#ip(this.router, `address add ${this.routerIp}/24 dev eth0`);
    if (this.#options.ipv6) await this.#ip(this.router, 'address add fd77::1/64 dev eth0 nodad');
    if (this.#options.dhcp !== false) await this.#serveDhcp('eth0', `${this.#subnet}.0`);
  }

  async #serveDhcp(interfaceName: string, prefix: string): Promise<void> {
    const leaseTime = this.#options.leaseTime ?? '12h';
    const ipv6 = ['--enable-ra', `--dhcp-range=::100,::1ff,constructor:${interfaceName},slaac,${leaseTime}`];
    const dnsmasq = this.router.start('dnsmasq', [
      ...['--no-daemon', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file', '--log-dhcp'],
      ...[`--interface=${interfaceName}`, '--bind-interfaces', '--dhcp-authoritative', '--no-ping'],
      `--dhcp-leasefile=${join(this.directory, `leases-${interfaceName}`)}`,
      `--dhcp-range=${prefix}.100,${prefix}.199,${leaseTime}`,
      ...(this.#options.ipv6 ? ipv6 : []),
      ...(this.#options.dnsmasqArgs ?? []),
    ]);
    await dnsmasq.waitForLine(/started, version/);
  }

  /** A second bridge with its own leg of the router, whose frames are copied to the main one with the tags added. */
  async #vlan(ids: readonly number[]): Promise<string> {
    const name = ids.join('.');
    if (this.#bridges.has(name)) return name;
    const number = this.#bridges.size;
    await this.#bridge(name, `br${number}`);
    await this.attach(this.router, `eth${number}`, `02:00:5e:00:54:0${number}`, name);
    const prefix = `${this.#subnet}.${number}`;
    await this.#ip(this.router, `address add ${prefix}.1/24 dev eth${number}`);
    await this.#serveDhcp(`eth${number}`, prefix);

    const tagger = new Station(this, await this.#namespace('tagger'));
    await this.attach(tagger, 'access', undefined, name);
    await this.attach(tagger, 'trunk');
    const tags = ids.map((id, depth) => (depth < ids.length - 1 ? '88a8' : '8100') + id.toString(16).padStart(4, '0'));
    await tagger.start(process.execPath, [vlanTagger, 'access', 'trunk', ...tags]).waitForLine(/tagging/);
    return name;
  }

  async #bridge(name: string, interfaceName: string): Promise<void> {
    // Ageing time 0 makes it a hub: a frame reaches every port, so that whoever listens promiscuously hears all of it.
    const ageing = name === trunk ? '' : 'ageing_time 0';
    const settings = `stp_state 0 forward_delay 0 mcast_snooping 0 ${ageing}`;
    await this.#ip(this.switch, `link add ${interfaceName} type bridge ${settings}`);
    await this.#ip(this.switch, `link set ${interfaceName} up`);
    this.#bridges.set(name, interfaceName);
  }

  async #namespace(role: 'sensor' | 'client' | 'tagger'): Promise<string> {
    const netns = `${this.#name}${role}${++this.#stationsMade}`;
    await this.#addNamespace(netns, role === 'client' && this.#options.ipv6);
    return netns;
  }

  async #addNamespace(netns: string, ipv6 = false): Promise<void> {
    await run('ip', ['netns', 'add', netns]);
    await run('ip', ['-netns', netns, 'link', 'set', 'lo', 'up']);
    // For the interfaces to come; loopback has its ::1 all the same.
    const noIpv6 = 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6';
    if (!ipv6) await run('sh', ['-c', noIpv6], { netns });
  }

  async #ip(station: Station, command: string): Promise<void> {
    await run('ip', ['-netns', station.netns, ...command.split(' ').filter((word) => word !== '')]);
  }
}
