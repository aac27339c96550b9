// Each kind of REDIS_URL, and what is said of a wrong one.
import { expect, test } from 'vitest';
import { parseRedisUrl, redisPlace } from '../../src/config/redis-url.js';

const NOBODY = { username: null, password: null };

test.each([
  [
    'redis://127.0.0.1',
    { kind: 'server', address: { host: '127.0.0.1', port: 6379 }, db: 0, tls: false, family: null, ...NOBODY },
  ],
  [
    'rediss://monitor:a%40b@redis.example:6380/3?family=6',
    {
      kind: 'server',
      address: { host: 'redis.example', port: 6380 },
      db: 3,
      tls: true,
      family: 6,
      username: 'monitor',
      password: 'a@b',
    },
  ],
  ['redis://[fe80::1]:7000/', { kind: 'server', address: { host: 'fe80::1', port: 7000 } }],
  ['redis://:p@ss:word@localhost', { kind: 'server', username: null, password: 'p@ss:word' }],
  ['unix:///run/redis.sock?db=2&username=m&password=a%26b', { kind: 'socket', path: '/run/redis.sock', db: 2 }],
  [
    'redis-sentinel://u:p@h1:26380,h2,[::1]:26379/2?sentinelPassword=s%23#the%20primary',
    {
      kind: 'sentinel',
      sentinels: [
        { host: 'h1', port: 26380 },
        { host: 'h2', port: 26379 },
        { host: '::1', port: 26379 },
      ],
      name: 'the primary',
      db: 2,
      tls: false,
      username: 'u',
      password: 'p',
      sentinelUsername: null,
      sentinelPassword: 's#',
    },
  ],
  ['rediss-sentinel://h1/0#mymaster', { kind: 'sentinel', tls: true, db: 0 }],
  [
    'redis-cluster://h1:7000,h2:7001',
    {
      kind: 'cluster',
      nodes: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 7001 },
      ],
      tls: false,
      ...NOBODY,
    },
  ],
  ['rediss-cluster://:secret@h1/', { kind: 'cluster', tls: true, password: 'secret' }],
])('%s', (url, place) => expect(redisPlace(url)).toMatchObject(place));

test.each([
  ['localhost:6379', /must be a URL such as redis:/],
  ['redis-cluster:/h1', /must be a URL/],
  ['redis://h1,h2', /redis-sentinel: or redis-cluster:/],
  ['redis://h1/zero', /database by its number/],
  ['redis://h1?tls=hunter2', /no other options than db, family/],
  ['redis://h1#mymaster', /must not have a #/],
  ['redis://hunter2%zz@h1', /%25/],
  ['redis-sentinel://h1,h2/0', /must end in #NAME/],
  ['redis-sentinel://h1,,h2#m', /separated by commas/],
  ['redis-sentinel://h1:99999#m', /hosts such as/],
  ['redis-cluster://h1/1', /only number 0/],
  ['redis-cluster://h1?hunter2', /must not have options/],
  ['redis-cluster://', /hosts such as/],
])('%s is wrong', (url, problem) => {
  const parsed = parseRedisUrl(url);
  expect(parsed).toEqual({ ok: false, problem: expect.stringMatching(problem) });
  expect(JSON.stringify(parsed)).not.toContain('hunter2');
});
