// What can go wrong with a post, and what the outbox has to make of it.
import type { Fault } from '../../scripts/nexudus-sandbox/faults.js';
import type { Outcome } from '../../src/outbox/outbox.js';

export const POST = { method: 'POST', path: '/api/spaces/failedcheckins' } as const;
const html = { 'content-type': 'text/html' };

/** What happens to the first post (or posts), and what the outbox has to make of it before it arrives. */
export const RETRIED: readonly {
  name: string;
  fault: Omit<Fault, 'method' | 'path'> & { path?: string; method?: string };
  met: Outcome['kind'];
  /** What is wrong with more than one report. */
  of?: 'sensor' | 'Nexudus';
}[] = [
  {
    name: '500',
    fault: { action: { kind: 'answer', status: 500, body: { Message: 'An error has occurred.' } } },
    met: 'put-back',
  },
  { name: '500, five times in a row', fault: { count: 5, action: { kind: 'answer', status: 500 } }, met: 'put-back' },
  {
    name: '500 although it was done',
    fault: { action: { kind: 'answer', status: 500, commit: true } },
    met: 'put-back',
  },
  {
    name: '503 with a maintenance page',
    fault: { action: { kind: 'answer', status: 503, headers: html, body: '<html>Back soon</html>' } },
    met: 'put-back',
  },
  {
    name: '200 with a web page',
    fault: { action: { kind: 'answer', status: 200, headers: html, body: '<html>Log in to the Wi-Fi</html>' } },
    met: 'put-back',
  },
  { name: 'an empty 200', fault: { action: { kind: 'answer', status: 200, body: '' } }, met: 'put-back' },
  {
    name: 'an empty 200 although it was done',
    fault: { action: { kind: 'answer', status: 200, body: '', commit: true } },
    met: 'put-back',
  },
  { name: 'wrong JSON', fault: { action: { kind: 'answer', status: 200, body: '{"Status":' } }, met: 'put-back' },
  {
    name: 'JSON of another shape',
    fault: { action: { kind: 'answer', status: 200, body: { Value: { Id: 'x' } } } },
    met: 'put-back',
  },
  {
    name: '200 with WasSuccessful false',
    fault: { action: { kind: 'answer', status: 200, body: { WasSuccessful: false, Message: 'No' } } },
    met: 'put-back',
  },
  {
    name: '409 with Retry-After in seconds',
    fault: { action: { kind: 'answer', status: 409, headers: { 'retry-after': '1' }, body: '' } },
    met: 'pause',
    of: 'Nexudus',
  },
  {
    name: '429 with Retry-After as a date that is past',
    fault: { action: { kind: 'answer', status: 429, headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' } } },
    met: 'pause',
    of: 'Nexudus',
  },
  {
    name: 'a redirect',
    fault: { action: { kind: 'answer', status: 302, headers: { location: 'https://elsewhere.invalid/' } } },
    met: 'put-back',
  },
  {
    name: '404 from a proxy',
    fault: { action: { kind: 'answer', status: 404, body: { Message: 'nothing here' } } },
    met: 'put-back',
  },
  { name: 'a reset before anything was done', fault: { action: { kind: 'reset' } }, met: 'put-back' },
  { name: 'a reset after it was done', fault: { action: { kind: 'reset', commit: true } }, met: 'put-back' },
  { name: 'slow headers', fault: { action: { kind: 'delay-headers', ms: 3_600_000 } }, met: 'put-back' },
  { name: 'a slow body', fault: { action: { kind: 'delay-body', ms: 3_600_000 } }, met: 'put-back' },
  {
    name: 'a refused login',
    fault: { method: 'POST', path: '/api/token', action: { kind: 'refuse-login' } },
    met: 'pause-own',
    of: 'sensor',
  },
  {
    name: '401 for the check-in, twice',
    fault: { count: 2, action: { kind: 'answer', status: 401 } },
    met: 'put-back',
  },
  {
    name: 'an unreachable token service',
    fault: { method: 'POST', path: '/api/token', count: 2, action: { kind: 'reset' } },
    met: 'pause-own',
    of: 'sensor',
  },
];
