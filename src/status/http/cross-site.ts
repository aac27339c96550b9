// Whether a page of another site is behind a request. Browsers say so themselves; whatever is no browser says nothing.
import type { FastifyRequest } from 'fastify';

/**
 * True for what another site's page asks for without leaving (images, scripts, fetches, event streams), and for everything it sends.
 * Following a link from there is all right.
 */
export function isCrossSite({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  const isReading = method === 'GET' || method === 'HEAD';
  // Only browsers can set it, and only on HTTPS and loopback do they.
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin') return false;
    if (isReading) return site !== 'none' && headers['sec-fetch-mode'] !== 'navigate';
    return true;
  }
  if (isReading || headers.origin === undefined) return false;
  return URL.parse(headers.origin)?.host !== headers.host;
}
