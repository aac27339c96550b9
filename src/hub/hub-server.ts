// The hub's HTTP server: what sensors hand over comes in here, and nothing that anybody could read goes out but /healthz.
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type FastifyInstance, fastify } from 'fastify';
import { limitConnections } from '../status/http/connection-limit.js';
import { MAX_MESSAGE } from './protocol.js';

const REQUEST_WITHIN_MS = 15_000;
/** One a sensor, with some to spare for those that come back after an outage. */
const MAX_CONNECTIONS = 5_000;
/** Sensors ask every ten seconds: their connections stay. */
const KEEP_ALIVE_MS = 65_000;

export interface HubServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Files in PEM; null where a proxy in front speaks TLS, or nobody does. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** Whether the hub can take something now. */
  readonly isReady: () => boolean;
  readonly routes: (server: FastifyInstance) => void;
  readonly onError: (error: unknown) => void;
}

export interface HubServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts to answer. Rejects when the address cannot be listened on, or a file cannot be read, with the system's error. */
export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const { host, port, tls } = options;
  const common = {
    bodyLimit: MAX_MESSAGE,
    // Longer than an idle connection is kept; headers and requests have limits of their own.
    connectionTimeout: KEEP_ALIVE_MS + 5_000,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    return503OnClosing: true,
  };
  const limits = { headersTimeout: REQUEST_WITHIN_MS, connectionsCheckingInterval: 1_000 };
  const server: FastifyInstance =
    tls === null
      ? fastify({ ...common, http: limits })
      : (fastify({
          ...common,
          https: { ...limits, cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) },
        }) as unknown as FastifyInstance);
  limitConnections(server, MAX_CONNECTIONS);
  server.removeContentTypeParser('text/plain');
  server.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });
  server.setErrorHandler((error, _request, reply) => {
    const code = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (code >= 400 && code < 500) return reply.code(code).send({ error: (error as Error).message });
    options.onError(error);
    return reply.code(500).send({ error: 'unexpected error' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }));
  // For load balancers: whether this replica can take anything, and nothing more.
  server.get('/healthz', { config: { open: true } }, (_request, reply) => {
    const isReady = options.isReady();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ok' : 'degraded' });
  });
  options.routes(server);
  await server.listen({ host, port });
  const { address, port: bound, family } = server.server.address() as AddressInfo;
  const name = family === 'IPv6' ? `[${address}]` : address;
  return { url: `${tls === null ? 'http' : 'https'}://${name}:${bound}`, close: () => server.close() };
}
