// Reading a list of Nexudus page by page.
import type { z } from 'zod';
import type { CallOptions } from './client.js';
import { NexudusError } from './failure.js';
import { listAnswer } from './schemas.js';

/** Fewer, larger pages cost less of the request limits; a server that caps the size lower is followed. */
const PAGE_SIZE = 200;

/** `client.get`, or something that does the same with patience. */
export type Get = <T>(path: string, schema: z.ZodType<T>, options: CallOptions) => Promise<T>;

/**
 * The pages of a list, one request each, in the order of the Ids. A record that is deleted while the list is read can push another one
 * out of sight, and a new one can show a record twice.
 */
export async function* readPages<T>(
  get: Get,
  path: string,
  record: z.ZodType<T>,
  options: CallOptions,
): AsyncGenerator<T[]> {
  const answer = listAnswer(record);
  for (let page = 1; ; page++) {
    const query = { ...options.query, page, size: PAGE_SIZE, orderBy: 'Id' };
    const { Records, CurrentPage, HasNextPage } = await get(path, answer, { ...options, query });
    if (CurrentPage !== page) {
      const message = `GET ${path}: asked for page ${page}, got page ${CurrentPage}`;
      throw new NexudusError({ kind: 'unexpected', message, mayHaveArrived: true });
    }
    yield Records;
    if (!HasNextPage || Records.length === 0) return;
  }
}
