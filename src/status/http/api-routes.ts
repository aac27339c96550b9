// The JSON API of the status page, which scripts may use too. src/status/README.md documents it.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { isDeviceMac, type MacAddress, parseMac } from '../../addresses/mac-address.js';
import { LABEL_KINDS, LABEL_NAME_RULE, labelName, MAX_LABELS } from '../../devices/labels.js';
import type { DeviceJson } from '../facts/device-json.js';
import type { Overview } from '../facts/overview.js';
import { type Hello, LiveFeed } from './live-feed.js';
import type { StatusRoutes } from './server.js';

const RETRY = z.strictObject({ id: z.string().min(1).max(200).nullable() });

const LABEL = z.strictObject({ as: z.enum(LABEL_KINDS), name: z.string().nullish() });

export function apiRoutes(overview: Overview, about: Omit<Hello, 'session'>): StatusRoutes {
  const feed = new LiveFeed(overview);
  return (server, access) => {
    addDeviceRoutes(server, overview);
    addOutboxRoutes(server, overview);
    addLabelRoutes(server, overview);
    server.get('/api/events', { exposeHeadRoute: false }, (request, reply) => {
      const hello = { ...about, session: access.hasSession(request) };
      const stream = feed.open(hello, () => access.isAuthorised(request));
      if (stream === null) {
        return reply.code(503).send({ error: 'too many status pages are open: close one and try again' });
      }
      // Some proxies hold answers back without this header.
      reply.type('text/event-stream').header('x-accel-buffering', 'no');
      return reply.send(stream);
    });
  };
}

function addDeviceRoutes(server: FastifyInstance, overview: Overview): void {
  server.get('/api/health', () => overview.health());

  server.get('/api/devices', async (_request, reply) => {
    await overview.refresh();
    reply.type('application/json; charset=utf-8');
    return `{"open":${overview.openVisits},"devices":[${await joined(overview.devices())}]}`;
  });

  server.get('/api/today', async (_request, reply) => {
    await overview.refresh();
    const { date } = overview.arrivals();
    const [here, others] = [await joined(overview.devices()), await joined(overview.otherDevices())];
    reply.type('application/json; charset=utf-8');
    return `{"date":"${date}","devices":[${[here, others].filter((text) => text !== '').join(',')}]}`;
  });

  server.get<DevicePath>('/api/devices/:mac', async (request, reply) => {
    const mac = deviceMac(request.params.mac);
    if (mac === null) return noDevice(reply);
    await overview.refresh();
    return overview.story(mac) ?? reply.code(404).send({ error: 'nothing is known of this device' });
  });

  server.get('/api/suggestions', () => ({ suggestions: overview.suggestions() }));
}

/** Returns the devices as JSON, with commas between them. */
async function joined(batches: AsyncGenerator<DeviceJson[]>): Promise<string> {
  const texts: string[] = [];
  for await (const batch of batches) if (batch.length > 0) texts.push(JSON.stringify(batch).slice(1, -1));
  return texts.join(',');
}

function addOutboxRoutes(server: FastifyInstance, overview: Overview): void {
  server.get('/api/outbox', async (_request, reply) => (await overview.outbox()) ?? noOutbox(reply));

  server.post('/api/outbox/retry', async (request, reply) => {
    const body = RETRY.safeParse(request.body);
    if (!body.success) {
      return reply.code(400).send({ error: 'send {"id": "..."}, or {"id": null} for every refused entry' });
    }
    const { id } = body.data;
    const retried = await overview.retry(id);
    if (retried === null) return noOutbox(reply);
    if (retried === 0 && id !== null) return reply.code(404).send({ error: 'no refused entry has this id' });
    return { retried };
  });
}

function addLabelRoutes(server: FastifyInstance, overview: Overview): void {
  server.get('/api/labels', async (_request, reply) => (await overview.labels()) ?? noLabels(reply));

  server.put<DevicePath>('/api/labels/:mac', async (request, reply) => {
    const mac = deviceMac(request.params.mac);
    if (mac === null) return noDevice(reply);
    const body = LABEL.safeParse(request.body);
    if (!body.success) {
      return reply.code(400).send({ error: 'send {"as": "equipment"} or {"as": "known", "name": "..."}' });
    }
    const { as: kind, name: given } = body.data;
    const name = given === null || given === undefined ? null : labelName(given);
    if (name === null && given !== null && given !== undefined) {
      return reply.code(400).send({ error: `name: ${LABEL_NAME_RULE}` });
    }
    const label = await overview.label(mac, { kind, name, sinceMs: Date.now() }, request.ip);
    if (label === null) return noLabels(reply);
    if (label === 'full') {
      return reply.code(409).send({ error: `there are ${MAX_LABELS} labels already: remove some first` });
    }
    return label;
  });

  server.delete<DevicePath>('/api/labels/:mac', async (request, reply) => {
    const mac = deviceMac(request.params.mac);
    if (mac === null) return noDevice(reply);
    const isRemoved = await overview.unlabel(mac, request.ip);
    if (isRemoved === null) return noLabels(reply);
    if (!isRemoved) return reply.code(404).send({ error: 'this device has no label' });
    return { removed: true };
  });
}

function noOutbox(reply: FastifyReply): FastifyReply {
  return reply.code(503).send({ error: 'the outbox does not answer (Redis)' });
}

interface DevicePath {
  Params: { mac: string };
}

function deviceMac(text: string): MacAddress | null {
  const mac = parseMac(text);
  return mac !== null && isDeviceMac(mac) ? mac : null;
}

function noDevice(reply: FastifyReply): FastifyReply {
  return reply.code(400).send({ error: "write a device's MAC address, such as 3c:22:fb:00:00:01" });
}

function noLabels(reply: FastifyReply): FastifyReply {
  return reply.code(503).send({ error: 'the labels cannot be read or changed (Redis does not answer)' });
}
