// A real HTTP server in the place of an operator's webhook: it checks signatures as Standard Webhooks says, and fails when it is told to.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { until } from '../until.js';

export interface Received {
  readonly id: string;
  readonly isSigned: boolean;
  readonly body: { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> };
  readonly status: number;
}

export class WebhookReceiver {
  /** Every request, whatever was answered. */
  readonly received: Received[] = [];
  /** The statuses of the next answers; 200 when there is none left. */
  readonly answers: number[] = [];

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly key: Buffer,
  ) {
    server.on('request', async (request, response) => {
      let text = '';
      for await (const piece of request.setEncoding('utf8')) text += piece;
      const status = this.answers.shift() ?? 200;
      const isSigned = this.isSigned(request, text);
      this.received.push({ id: header(request, 'webhook-id'), isSigned, body: JSON.parse(text), status });
      response.writeHead(status).end();
    });
  }

  /** `secret` as the operator set it. Port 0: a free one. */
  static async start(secret: string, port = 0): Promise<WebhookReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
    return new WebhookReceiver(server, address.port, key);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks/0123456789`;
  }

  /** What was answered with success. */
  get taken(): Received[] {
    return this.received.filter(({ status }) => status < 300);
  }

  /** Resolves once that many notices were taken. */
  async took(count: number): Promise<Received[]> {
    await until(`${count} notices are taken`, () => this.taken.length >= count);
    return this.taken;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private isSigned(request: IncomingMessage, text: string): boolean {
    const seconds = Number(header(request, 'webhook-timestamp'));
    if (Math.abs(Date.now() / 1_000 - seconds) > 300) return false;
    const signed = `${header(request, 'webhook-id')}.${seconds}.${text}`;
    const expected = createHmac('sha256', this.key).update(signed).digest('base64');
    return header(request, 'webhook-signature') === `v1,${expected}`;
  }
}

function header(request: IncomingMessage, name: string): string {
  return String(request.headers[name] ?? '');
}
