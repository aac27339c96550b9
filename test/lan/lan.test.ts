// The test LAN itself: a harness that quietly does nothing would let every test built on it pass.
import { execFileSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { run } from '../run-process.js';
import { until } from '../until.js';
import { lanTest as it } from './fixture.js';
import { Lan } from './lan.js';

const discovery = ['-i', 'eth0', '-e', 'arp or udp port 67 or udp port 68'];

const withIpv6 = it.extend('lanOptions', { ipv6: true });

describe('a test LAN', () => {
  it.for(['udhcpc', 'dhclient'] as const)(
    'lets a real %s lease an address, and a sensor hear it',
    async (dhcpClient, { lan, sensor }) => {
      const tcpdump = await sensor.tcpdump(['-v', ...discovery]);
      const client = await lan.client({
        mac: '3c:22:fb:00:00:01',
        hostname: 'Annas-MacBook',
        vendorClass: 'MSFT 5.0',
        dhcpClient,
      });

      const ip = await client.lease();
      await client.announce();
      await client.arping(lan.routerIp);

      expect(ip).toMatch(/^10\.77\.0\.1\d\d$/);
      await tcpdump.waitForLine(/3c:22:fb:00:00:01 > ff:ff:ff:ff:ff:ff.*IPv4/);
      await tcpdump.waitForLine(/DHCP-Message.*Discover/);
      await tcpdump.waitForLine(/Hostname.*"Annas-MacBook"/);
      await tcpdump.waitForLine(/Vendor-Class.*"MSFT 5\.0"/);
      await tcpdump.waitForLine(new RegExp(`who-has ${ip} .*tell ${ip}`));
      await tcpdump.waitForLine(new RegExp(`who-has ${lan.routerIp} .*tell ${ip}`));
    },
  );

  it.for(['udhcpc', 'dhclient'] as const)('lets a %s renew and release its lease', async (dhcpClient, { lan }) => {
    const client = await lan.client({ dhcpClient });
    const tcpdump = await lan.router.tcpdump(['-v', ...discovery]);
    const ip = await client.lease();

    const mark = tcpdump.lines.length;
    expect(await client.renew()).toBe(ip);
    await tcpdump.waitForLine(/DHCP-Message.*ACK/, { after: mark });
    await client.release();

    await tcpdump.waitForLine(/DHCP-Message.*Release/, { after: mark });
    expect(client.ip).toBeUndefined();
  });

  it('lets a client leave and come back, and get its address again', async ({ lan }) => {
    const client = await lan.client();
    const ip = await client.lease();

    await client.disconnect();
    await expect(client.arping(lan.routerIp)).rejects.toThrow();

    expect(await client.lease()).toBe(ip);
    await client.arping(lan.routerIp);
  });

  it('answers whether an address is taken', async ({ lan }) => {
    const [first, second] = [await lan.client(), await lan.client()];
    await first.useAddress('10.77.0.50');

    await until('the holder answers a probe in time', () => second.probe('10.77.0.50'));
    expect(await second.probe('10.77.0.51')).toBe(false);
  });

  it.for([
    { vlan: 20, tags: /ethertype 802\.1Q \(0x8100\).* vlan 20,/ },
    { vlan: [100, 20] as const, tags: /ethertype 802\.1Q-QinQ \(0x88a8\).* vlan 100,.*ethertype 802\.1Q.* vlan 20,/ },
  ])(
    'shows a client of VLAN $vlan with its tags, and leaves the others bare',
    async ({ vlan, tags }, { lan, sensor }) => {
      const tcpdump = await sensor.tcpdump(['-i', 'eth0', '-e']);
      const tagged = await lan.client({ mac: '3c:22:fb:00:00:02', vlan });
      const bare = await lan.client({ mac: '3c:22:fb:00:00:03' });

      expect(await tagged.lease()).toMatch(/^10\.77\.1\./);
      expect(await bare.lease()).toMatch(/^10\.77\.0\./);

      const [line] = await tcpdump.waitForLine(/3c:22:fb:00:00:02 > ff:ff:ff:ff:ff:ff.*/);
      expect(line).toMatch(tags);
      await tcpdump.waitForLine(/3c:22:fb:00:00:03 > ff:ff:ff:ff:ff:ff, ethertype IPv4.*BOOTP/);
    },
  );

  withIpv6('serves IPv6 when asked to', async ({ lan }) => {
    const tcpdump = await lan.switch.tcpdump(['-i', 'br0', 'ip6']);
    const client = await lan.client();
    expect(await client.lease6()).toMatch(/^fd77::1/);
    await tcpdump.waitForLine(/dhcp6 solicit/);
    await tcpdump.waitForLine(/neighbor solicitation/);
  });

  it('is silent about IPv6 when not', async ({ lan }) => {
    const tcpdump = await lan.switch.tcpdump(['-i', 'br0']);
    const client = await lan.client();
    await client.lease();
    await client.announce();
    await tcpdump.waitForLine(/ARP/);
    expect(tcpdump.stdout.filter((line) => line.includes('IP6'))).toEqual([]);
  });

  it('takes a link from a sensor and gives it back, also a deleted interface', async ({ lan, sensor }) => {
    await sensor.unplug();
    expect(await sensor.run('ip', ['link', 'show', 'eth0'])).toContain('NO-CARRIER');
    await sensor.plug();
    expect(await sensor.run('ip', ['link', 'show', 'eth0'])).not.toContain('NO-CARRIER');

    await sensor.addInterface('eth1');
    await sensor.deleteInterface('eth1');
    await expect(sensor.run('ip', ['link', 'show', 'eth1'])).rejects.toThrow(/does not exist/);
    await sensor.addInterface('eth1');

    const tcpdump = await sensor.tcpdump(['-i', 'eth1', 'arp']);
    const client = await lan.client();
    await client.useAddress('10.77.0.50');
    await client.announce();
    await tcpdump.waitForLine(/who-has 10\.77\.0\.50/);
  });

  it('puts the frames of a capture file on the wire', async ({ lan, sensor }) => {
    const client = await lan.client();
    const file = `${lan.directory}/announcement.pcap`;
    const recording = await client.tcpdump(['-i', 'eth0', '--print', '-w', file, 'arp']);
    await client.useAddress('10.77.0.60');
    await client.announce();
    await recording.waitForLine(/who-has 10\.77\.0\.60/);
    await recording.stop();

    const tcpdump = await sensor.tcpdump(['-i', 'eth0', 'arp']);
    await client.inject(file);
    await tcpdump.waitForLine(/who-has 10\.77\.0\.60/);
  });

  it('leaves no namespace and no process when it is closed, twice as well as once', async () => {
    const closed = await Lan.create();
    const client = await closed.client();
    await client.lease();
    const forgotten = client.start('sleep', ['1000']);

    await Promise.all([closed.close(), closed.close()]);

    expect((await forgotten.exit()).signal).toBe('SIGKILL');
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(client.netns);
    await expect(run('ls', [closed.directory])).rejects.toThrow(/No such file/);
  });
});
