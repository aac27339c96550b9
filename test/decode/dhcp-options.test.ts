import { describe, expect, test } from 'vitest';
import { decoded } from './decoded.js';
import { ascii, bytes, DEVICE, dhcpFrame, ipv4Address, option, REQUEST, wireName } from './frames.js';

const named = (fields: Parameters<typeof dhcpFrame>[0]) => decoded(dhcpFrame(fields)).sighting?.hostname;
const bad = { verdict: 'bad-dhcp-options' };
const laptop = option(12, ascii('laptop'));

describe('Options (RFC 2132)', () => {
  test('Pad (3.1) is skipped and End (3.2) ends', () => {
    expect(named({ options: [bytes([0, 0, 0]), laptop, bytes([0])] })).toBe('laptop');
    expect(named({ options: [bytes([255]), laptop] })).toBeUndefined();
  });

  test('a missing End is forgiven where the message ends', () => {
    expect(named({ options: [laptop], tail: [] })).toBe('laptop');
    expect(named({ options: [laptop], tail: [0, 0] })).toBe('laptop');
  });

  test('an option that runs past the end of a whole message is malformed', () => {
    expect(decoded(dhcpFrame({ tail: [12] }))).toEqual(bad);
    expect(decoded(dhcpFrame({ tail: [12, 7, 0x61] }))).toEqual(bad);
  });

  test('an empty option is as good as none', () => {
    expect(named({ options: [option(12, [])] })).toBeUndefined();
    expect(named({ options: [option(12, []), laptop] })).toBe('laptop');
  });

  test('a message type (9.6) that is not one octet is malformed', () => {
    expect(decoded(dhcpFrame({ type: null, options: [option(53, [1, 3])] }))).toEqual(bad);
  });

  test('unknown options are skipped', () => {
    expect(named({ options: [option(224, [1, 2, 3]), laptop] })).toBe('laptop');
  });
});

describe('Option overload (RFC 2132, 9.3)', () => {
  const overload = (value: number) => option(52, [value]);

  test('1: the options go on in file', () => {
    expect(named({ options: [overload(1)], file: bytes(laptop, [255]) })).toBe('laptop');
  });

  test('2: the options go on in sname', () => {
    expect(named({ options: [overload(2)], sname: bytes(laptop, [255]) })).toBe('laptop');
  });

  test('3: the options go on in file, then in sname', () => {
    const file = bytes(option(60, ascii('MSFT 5.0')), [255]);
    const sighting = decoded(dhcpFrame({ options: [overload(3)], file, sname: bytes(laptop, [255]) })).sighting;
    expect(sighting).toEqual({ mac: DEVICE, via: 'dhcp', hostname: 'laptop', vendorClass: 'MSFT 5.0' });
  });

  test('without it, or with a value that does not exist, file and sname are file names', () => {
    const file = bytes(laptop, [255]);
    expect(named({ file, sname: file })).toBeUndefined();
    expect(named({ options: [overload(0)], file, sname: file })).toBeUndefined();
    expect(named({ options: [overload(4)], file, sname: file })).toBeUndefined();
    expect(named({ options: [option(52, [1, 1])], file, sname: file })).toBeUndefined();
  });

  test('it is not looked for in file or sname', () => {
    expect(
      named({ options: [overload(1)], file: bytes(overload(2), [255]), sname: bytes(laptop, [255]) }),
    ).toBeUndefined();
  });

  test('an option that runs past file or sname is malformed', () => {
    const overrun = bytes(new Array(62).fill(0), [12, 30]);
    expect(decoded(dhcpFrame({ options: [overload(1)], file: bytes(new Array(64).fill(0), overrun) }))).toEqual(bad);
    expect(decoded(dhcpFrame({ options: [overload(2)], sname: overrun }))).toEqual(bad);
  });
});

describe('Long options (RFC 3396)', () => {
  test('the pieces of an option are joined in order, also when those of others lie between', () => {
    const options = [
      option(12, ascii('meeting-')),
      option(60, ascii('MSFT')),
      option(12, ascii('room-')),
      option(60, ascii(' 5.0')),
      option(12, ascii('screen')),
    ];
    expect(decoded(dhcpFrame({ options })).sighting).toEqual({
      mac: DEVICE,
      via: 'dhcp',
      hostname: 'meeting-room-screen',
      vendorClass: 'MSFT 5.0',
    });
  });

  test('an option may go on from the options field into file and sname (section 5)', () => {
    const options = [option(52, [3]), option(12, ascii('meet'))];
    expect(named({ options, file: option(12, ascii('ing-')), sname: option(12, ascii('room')) })).toBe('meeting-room');
  });

  test('a split option 81 is read as one', () => {
    const name = wireName('laptop.example.org');
    expect(named({ options: [option(81, bytes([4, 0, 0], name.subarray(0, 5))), option(81, name.subarray(5))] })).toBe(
      'laptop.example.org',
    );
  });

  test('more than 512 octets are cut', () => {
    const piece = option(12, ascii('x'.repeat(255)));
    expect(named({ options: [piece, piece, piece] })).toBe('x'.repeat(512));
    expect(named({ options: [piece, piece, piece, piece] })).toBe('x'.repeat(512));
  });

  test('an address in two pieces is one address', () => {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4Address('192.168.1.50');
    const options = [option(50, [a, b]), option(50, [c, d])];
    expect(decoded(dhcpFrame({ type: REQUEST, options })).sighting?.ip).toBe('192.168.1.50');
  });

  test('one message leaves nothing behind for the next', () => {
    named({ options: [option(12, ascii('meeting-')), option(12, ascii('room')), option(60, ascii('x'))] });
    expect(decoded(dhcpFrame({})).sighting).toEqual({ mac: DEVICE, via: 'dhcp' });
    expect(named({ options: [laptop] })).toBe('laptop');
  });
});

describe('Client FQDN (RFC 4702)', () => {
  test('the canonical encoding (2.3.1) becomes dotted text', () => {
    expect(named({ options: [option(81, bytes([5, 0, 0], wireName('laptop.example.org')))] })).toBe(
      'laptop.example.org',
    );
  });

  test('a partial name has no root label', () => {
    expect(named({ options: [option(81, bytes([4, 0, 0], wireName('laptop', true)))] })).toBe('laptop');
  });

  test('the deprecated ASCII encoding (2.3.1) is taken as it is', () => {
    expect(named({ options: [option(81, bytes([0, 0, 0], ascii('laptop.example.org')))] })).toBe('laptop.example.org');
  });

  test('option 12 wins over it', () => {
    const fqdn = option(81, bytes([0, 0, 0], ascii('fqdn.example.org')));
    expect(named({ options: [fqdn, laptop] })).toBe('laptop');
    expect(named({ options: [fqdn, option(12, [])] })).toBe('fqdn.example.org');
  });

  test('flags without a name, or fewer octets than the flags, are no name', () => {
    expect(named({ options: [option(81, [0, 0, 0])] })).toBeUndefined();
    expect(named({ options: [option(81, [4, 0])] })).toBeUndefined();
  });
});
