import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGenericName } from '../../src/visits/generic-name.js';

test.each([
  'iPhone',
  'IPHONE',
  'iPhone-2',
  'iPhone (3)',
  'iPhone 15 Pro',
  'iphone15',
  'iPhone.fritz.box',
  'iPad',
  'iPad-Air',
  'iPod-touch',
  'Apple-Watch',
  'AppleWatch',
  'Watch',
  'MacBook',
  'MacBook-Pro',
  'MacBookAir',
  'MacBook-Pro-2',
  'iMac',
  'Mac',
  'Mac-mini',
  'Macmini',
  'Apple-TV',
  'android-8246fb4b9bc389bc',
  'android-5f2c',
  'Android',
  'Galaxy-S23',
  'Galaxy-A52s-5G',
  'Galaxy-Z-Flip4',
  'Galaxy-Tab-S9-FE',
  'Pixel-8',
  'Pixel-8-Pro',
  'Pixel-7a',
  'Pixel-6-XL',
  'SM-A525F',
  'SM-G991B-2',
  'Redmi-Note-12-Pro+',
  'OnePlus-12',
  'OnePlus_3T',
  'Xiaomi-13T',
  'Mi-9T',
  'HUAWEI-P30-lite',
  'moto-g-power',
  'Fairphone-5',
  'Nothing-Phone-(2)',
  'localhost',
  'localhost.localdomain',
  'unknown',
  'raspberrypi',
  'raspberrypi-2',
  'espressif',
  'DESKTOP',
  'laptop',
  'PC-2',
  'OnePlus-Nord-CE-2-Lite-5G',
  'HUAWEI_P_smart_2019',
  'moto-g-stylus-5G',
  'realme-GT-Neo-2',
  'Xperia-10-IV',
  'TECNO-SPARK-10',
  'Infinix-HOT-30',
  'ROG-Phone-5',
  'Zenfone-9',
  'CPH2451',
  'RMX3085',
  'V2027',
  'KB2003',
  'M2101K6G',
  '2201117TG',
  'MAR-LX1A',
  'MAR-LX1A-2',
  'ELE-L29 (2)',
  'XQ-BC72',
  'thinkpad-x1',
  'Surface-Pro-7',
  'SurfacePro',
  'XboxOne',
  'PS5',
  'Nintendo-Switch',
  'steamdeck',
  'Kindle',
  'Chromecast',
  'LGwebOSTV',
  'manjaro',
])('%j is what many devices are called', (name) => {
  expect(isGenericName(name)).toBe(true);
});

test.each([
  '',
  'Annas-iPhone',
  'iPhone-von-Anna',
  'Annas-Galaxy-S23',
  'Galaxy-S23-von-Anna',
  'Jorges-Air',
  'Mac-Anna',
  'macys-phone',
  'Mia',
  'Mina',
  'DESKTOP-4F2K1QP',
  'desktop-abcd123',
  'LAPTOP-9C7TRE2M',
  'ESP_3E3B70',
  'Annas-ThinkPad',
  'Leonie',
  'Homer',
  'firefly',
  'Archie',
  'androids-dream',
  'iPhone-日本',
  '-',
])('%j may be one device', (name) => {
  expect(isGenericName(name)).toBe(false);
});

test('neither case nor a number behind it changes what a name is', () => {
  const name = fc.oneof(
    fc.constantFrom('iPhone', 'Galaxy-S23', 'MacBook-Pro', 'raspberrypi', 'Annas-iPhone', 'thinkpad'),
    fc.string({ unit: fc.constantFrom('a', 'n', 'i', 'm', 'c', '-', '_', ' '), minLength: 1, maxLength: 20 }),
  );
  fc.assert(
    fc.property(name, fc.integer({ min: 1, max: 99 }), (one, number) => {
      const isGeneric = isGenericName(one);
      expect(isGenericName(one.toUpperCase())).toBe(isGeneric);
      expect(isGenericName(`${one}-${number}`)).toBe(isGeneric);
      expect(isGenericName(`${one} (${number})`)).toBe(isGeneric);
    }),
  );
});

test('any text is judged, however long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (name) => typeof isGenericName(name) === 'boolean'),
  );
  expect(isGenericName(`iPhone${'-2'.repeat(100_000)}`)).toBe(true);
  expect(isGenericName('a'.repeat(1_000_000))).toBe(false);
});
