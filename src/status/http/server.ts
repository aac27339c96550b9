// The status server: it authorises requests. The routes are arguments.
import { type AddressInfo, isIP, isIPv6 } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { Access } from './access.js';
import { limitConnections } from './connection-limit.js';
import { isCrossSite } from './cross-site.js';

/** Adds routes. Each needs authorisation unless its `config` says `{ open: true }`. */
export type StatusRoutes = (server: FastifyInstance, access: Access) => void;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route also answers requests that are not authorised, and must itself take care what it returns to them. */
    open?: boolean;
  }
}

export interface StatusServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token: string | null;
  readonly routes: readonly StatusRoutes[];
}

export interface StatusServer {
  /** The address of the server, such as http://127.0.0.1:9467 or http://0.0.0.0:9467. */
  readonly url: string;
  /** Whether the server listens on all addresses of this machine. */
  readonly isOnAllAddresses: boolean;
  close(): Promise<void>;
}

const REQUEST_WITHIN_MS = 10_000;
const MAX_CONNECTIONS = 200;

/** Headers of every answer. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  // With no-referrer browsers would post forms with `Origin: null`, which looks like another site.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};

/** Starts the server. Rejects with the system's error when it cannot listen on the address. */
export async function startStatusServer({ host, port, token, routes }: StatusServerOptions): Promise<StatusServer> {
  const server = fastify({
    bodyLimit: 16 * 1024,
    connectionTimeout: REQUEST_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: 5_000,
    http: { headersTimeout: REQUEST_WITHIN_MS, connectionsCheckingInterval: 1_000 },
    forceCloseConnections: true,
    return503OnClosing: false,
  });
  limitConnections(server, MAX_CONNECTIONS);
  // Pages of other sites may send text/plain without a preflight request.
  server.removeContentTypeParser('text/plain');
  const access = new Access(token);

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    // Without a token, a web page whose host name leads to this machine (DNS rebinding) must not read anything.
    if (access.isOpen && !isOwnName(request.hostname)) {
      return reply.code(403).send({ error: 'ask by IP address or as localhost, or set STATUS_TOKEN' });
    }
    if (isCrossSite(request)) return reply.code(403).send({ error: "another site's page may not ask this" });
    if (access.isAuthorised(request)) return;
    const why = access.refuse(request);
    if (request.routeOptions.config.open !== true) return refuse(request, reply, why);
  });
  server.setErrorHandler((error, _request, reply) => {
    const code = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    // A wrong request is answered with the reason. What went wrong inside is not.
    if (code >= 400 && code < 500) return reply.code(code).send({ error: (error as Error).message });
    return reply.code(500).send({ error: 'unexpected error' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  for (const register of routes) register(server, access);

  await server.listen({ host, port });
  // The address that fastify returns is loopback, even if the server listens on all addresses.
  const { address, port: bound } = server.server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(address) ? `[${address}]` : address}:${bound}`,
    isOnAllAddresses: address === '0.0.0.0' || address === '::',
    close: () => server.close(),
  };
}

/** A page that a person opens is redirected to the login form. */
function refuse(request: FastifyRequest, reply: FastifyReply, why: ReturnType<Access['refuse']>): FastifyReply {
  if (why === 'too-many') {
    return reply.code(429).header('retry-after', '60').send({ error: 'too many wrong tokens: wait a minute' });
  }
  if (request.method === 'GET' && request.headers.accept?.includes('text/html')) return reply.redirect('/login', 303);
  return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'STATUS_TOKEN is needed' });
}

function isOwnName(hostname: string): boolean {
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
