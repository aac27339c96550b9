// The hub's end of the hand-over: who sends, whether it may, what it sends, and the answer.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Decision } from '../devices/decision.js';
import type { LabelStore } from '../devices/label-store.js';
import { MAX_LABELS } from '../devices/labels.js';
import type { Intake, Taken } from './intake.js';
import type { Locations } from './locations.js';
import {
  type AnsweredVisit,
  HAND_OVER,
  HAND_OVER_PATH,
  type HandedVisit,
  type HandOverAnswer,
  type HandOverMessage,
  LABEL_MESSAGE,
  LABEL_PATH,
  PROTOCOL,
} from './protocol.js';
import type { RateLimit } from './rate-limit.js';
import type { KnownSensor, SensorTokens } from './sensor-tokens.js';

/** A hub that cannot take anything now is asked again after this. */
const NOT_READY_SECONDS = 5;
const DAY_IS_OVER_SECONDS = 600;

export interface HandOverEdges {
  readonly tokens: Pick<SensorTokens, 'sensorOf'>;
  readonly intake: Pick<Intake, 'take'>;
  readonly locations: Pick<Locations, 'heard' | 'count' | 'takenToday'>;
  readonly visitLimit: RateLimit;
  readonly requestLimit: RateLimit;
  readonly visitsPerDay: number;
  /** Whether sensors hear whose a device is (HUB_SHARE_NAMES). */
  readonly shareNames: boolean;
  labelsOf(businessId: number): Pick<LabelStore, 'put' | 'remove'>;
  /** Another text after every change of a location's labels. */
  labelVersion(businessId: number): Promise<string | null>;
  /** Resolves when what was written is safe. */
  confirm(): Promise<void>;
  /** Somebody's request was not granted, for the log: `why` holds no secret and no MAC. */
  onRefused(sensor: string | null, from: string, why: string): void;
  onTrouble(error: unknown): void;
  onTaken(businessId: number, taken: Taken, visit: HandedVisit): void;
  onLabelled(sensor: KnownSensor, mac: number, kind: 'equipment' | 'known' | null): void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the routes of a hub before they run. */
    sensor: KnownSensor | null;
  }
}

export function handOverRoutes(server: FastifyInstance, edges: HandOverEdges): void {
  server.decorateRequest('sensor', null);
  // Before the body is read: who may not send anything does not make the hub read it.
  server.addHook('onRequest', (request, reply) => authorise(request, reply, edges));
  server.post(HAND_OVER_PATH, (request, reply) => handOver(request, reply, edges));
  server.post(LABEL_PATH, (request, reply) => label(request, reply, edges));
}

async function authorise(request: FastifyRequest, reply: FastifyReply, edges: HandOverEdges): Promise<unknown> {
  if (request.routeOptions.config.open === true) return undefined;
  const token = /^Bearer ([\w-]{20,100})$/i.exec(request.headers.authorization ?? '')?.[1];
  try {
    request.sensor = token === undefined ? null : await edges.tokens.sensorOf(token);
  } catch (error) {
    edges.onTrouble(error);
    return unready(reply, 'the hub cannot reach Redis');
  }
  if (request.sensor === null) {
    edges.onRefused(null, request.ip, 'unknown or revoked token');
    return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'this token is unknown or was revoked' });
  }
  const waitMs = edges.requestLimit.waitMs(request.sensor.name, 1);
  return waitMs > 0 ? tooMany(request, reply, edges, waitMs / 1_000, 'too many requests') : undefined;
}

async function handOver(request: FastifyRequest, reply: FastifyReply, edges: HandOverEdges): Promise<unknown> {
  const sensor = sensorOf(request);
  const message = HAND_OVER.safeParse(request.body);
  if (!message.success) return wrong(request, reply, edges, message.error.issues[0]);
  const { protocol, businessId, timeZone, visits } = message.data;
  if (protocol > PROTOCOL + 1) {
    return reply.code(426).send({ error: `this hub speaks protocol ${PROTOCOL}: upgrade the hub`, protocol: PROTOCOL });
  }
  if (businessId !== null && businessId !== sensor.businessId) {
    edges.onRefused(sensor.name, request.ip, `its token is for business ${sensor.businessId}, not ${businessId}`);
    return reply.code(403).send({ error: `this token is for business ${sensor.businessId}, not ${businessId}` });
  }
  const waitMs = edges.visitLimit.waitMs(sensor.name, visits.length);
  if (waitMs > 0) return tooMany(request, reply, edges, waitMs / 1_000, 'too many visits');
  try {
    if (visits.length > 0 && (await edges.locations.takenToday(sensor.businessId)) >= edges.visitsPerDay)
      return tooMany(
        request,
        reply,
        edges,
        DAY_IS_OVER_SECONDS,
        "the day's number of visits is used up (HUB_VISITS_PER_DAY)",
      );
    return await take(reply, sensor, { ...message.data, timeZone: knownZone(timeZone) }, edges);
  } catch (error) {
    edges.onTrouble(error);
    return unready(reply, 'the hub cannot keep anything now');
  }
}

async function take(
  reply: FastifyReply,
  sensor: KnownSensor,
  message: HandOverMessage,
  edges: HandOverEdges,
): Promise<unknown> {
  const { businessId } = sensor;
  const { protocol, visits, timeZone } = message;
  // Those of one device one after the other, so that the later one knows what became of the earlier (REPORT_AGAIN_AFTER).
  const turns = new Map<number, Promise<unknown>>();
  const taking = visits.map((visit) => {
    const turn = (turns.get(visit.mac) ?? Promise.resolve()).then(() => edges.intake.take(businessId, visit, timeZone));
    turns.set(
      visit.mac,
      turn.catch(() => {}),
    );
    return turn;
  });
  await Promise.allSettled(taking);
  const taken = await Promise.all(taking);
  if (taken.some(({ kind }) => kind === 'not-ready'))
    return unready(reply, 'the hub has not read the registered devices from Nexudus yet');
  const settled = taken.flatMap((result) =>
    result.kind === 'taken' && result.settled !== null ? [result.settled] : [],
  );
  const [labels] = await Promise.all([
    edges.labelVersion(businessId),
    edges.locations.count(businessId, settled),
    edges.locations.heard(sensor, message),
  ]);
  if (visits.length > 0) await edges.confirm();
  const answered: AnsweredVisit[] = [];
  for (const [index, visit] of visits.entries()) {
    const result = taken[index];
    if (result === undefined || result.kind === 'not-ready') continue;
    edges.onTaken(businessId, result, visit);
    answered.push(
      result.kind === 'refused'
        ? { id: visit.id, outcome: 'refused', reason: result.reason }
        : answerOf(visit.id, result.decision, edges.shareNames),
    );
  }
  const answer: HandOverAnswer = {
    protocol: Math.min(protocol, PROTOCOL),
    nowMs: Date.now(),
    labels,
    visits: answered,
  };
  return answer;
}

function answerOf(id: string, decision: Decision, shareNames: boolean): AnsweredVisit {
  const { kind, reason, owner, label = null } = decision;
  const withoutName =
    label !== null
      ? `labelled as ${label}`
      : owner === null
        ? reason
        : kind === 'recognised'
          ? 'registered'
          : 'registered by somebody whose account is not active';
  return {
    id,
    outcome: 'taken',
    decision: kind === 'pending' ? 'unrecognised' : kind,
    reason: shareNames ? reason : withoutName,
    name: shareNames ? (owner?.name ?? null) : null,
    label,
  };
}

async function label(request: FastifyRequest, reply: FastifyReply, edges: HandOverEdges): Promise<unknown> {
  const sensor = sensorOf(request);
  const message = LABEL_MESSAGE.safeParse(request.body);
  if (!message.success) return wrong(request, reply, edges, message.error.issues[0]);
  const { mac, label: given } = message.data;
  const labels = edges.labelsOf(sensor.businessId);
  try {
    const done =
      given === null
        ? await labels.remove(mac)
        : await labels.put(mac, { kind: given.as, name: given.name, sinceMs: Date.now() });
    if (!done && given !== null) return reply.code(409).send({ error: `there are ${MAX_LABELS} labels already` });
    await edges.confirm();
    if (done) edges.onLabelled(sensor, mac, given?.as ?? null);
    return { done };
  } catch (error) {
    edges.onTrouble(error);
    return unready(reply, 'the hub cannot keep anything now');
  }
}

function sensorOf({ sensor }: FastifyRequest): KnownSensor {
  if (sensor === null) throw new Error('a route ran without authorisation');
  return sensor;
}

function wrong(
  request: FastifyRequest,
  reply: FastifyReply,
  edges: HandOverEdges,
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
): FastifyReply {
  const where = issue?.path.join('.') || 'the message';
  edges.onRefused(sensorOf(request).name, request.ip, `a message that does not fit the protocol, at ${where}`);
  return reply.code(400).send({ error: `${where}: ${issue?.message ?? 'does not fit the protocol'}` });
}

function tooMany(
  request: FastifyRequest,
  reply: FastifyReply,
  edges: HandOverEdges,
  waitSeconds: number,
  why: string,
): FastifyReply {
  edges.onRefused(request.sensor?.name ?? null, request.ip, why);
  return reply
    .code(429)
    .header('retry-after', String(Math.max(1, Math.ceil(waitSeconds))))
    .send({ error: why });
}

function unready(reply: FastifyReply, why: string): FastifyReply {
  return reply.code(503).header('retry-after', String(NOT_READY_SECONDS)).send({ error: why });
}

/** Null for a name that this machine does not know. */
function knownZone(name: string | null): string | null {
  try {
    if (name !== null) new Intl.DateTimeFormat('en', { timeZone: name });
    return name;
  } catch {
    return null;
  }
}
