// The status server: who may ask, and whatever is registered to answer. Routes bring themselves, see StatusRoutes.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';

/** Adds routes. Each needs authorisation unless its `config` says `{ open: true }`. */
export type StatusRoutes = (server: FastifyInstance, access: Access) => void;

export interface Access {
  /** Whether this request may see everything: it carries the token, or there is none. */
  isAuthorised(request: FastifyRequest): boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers also those who are not authorised; the route itself minds what it tells them. */
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
  /** Such as http://127.0.0.1:9467. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts to answer. Rejects when the address cannot be listened on, with the system's error. */
export async function startStatusServer({ host, port, token, routes }: StatusServerOptions): Promise<StatusServer> {
  const server = fastify({
    bodyLimit: 16 * 1024,
    connectionTimeout: 10_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: true,
    return503OnClosing: false,
  });
  const access: Access = { isAuthorised: (request) => token === null || carries(request, token) };

  server.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    // Without a token only the address protects: a web page whose name was pointed at this machine must not read along.
    if (token === null && !isOwnName(request.hostname)) {
      return reply.code(403).send({ error: 'ask by IP address or as localhost, or set STATUS_TOKEN' });
    }
    if (request.routeOptions.config.open === true || access.isAuthorised(request)) return;
    return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'STATUS_TOKEN is needed' });
  });
  server.setErrorHandler((_error, _request, reply) => reply.code(500).send({ error: 'unexpected error' }));
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  for (const register of routes) register(server, access);

  const url = await server.listen({ host, port });
  return { url, close: () => server.close() };
}

function carries(request: FastifyRequest, token: string): boolean {
  const [, given = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function isOwnName(hostname: string): boolean {
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
