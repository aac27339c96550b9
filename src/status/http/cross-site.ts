// Whether a request comes from a page of another site. Browsers say that in headers, and other clients do not send these.
import type { FastifyRequest } from 'fastify';

/**
 * True for everything that another site's page loads (images, scripts, fetches, event streams) or sends. Following a link from there is
 * permitted.
 */
export function isCrossSite({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): boolean {
  const isReading = method === 'GET' || method === 'HEAD';
  // Only browsers set it, and only with HTTPS and on loopback.
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin') return false;
    if (isReading) return site !== 'none' && headers['sec-fetch-mode'] !== 'navigate';
    return true;
  }
  if (isReading || headers.origin === undefined) return false;
  return URL.parse(headers.origin)?.host !== headers.host;
}
