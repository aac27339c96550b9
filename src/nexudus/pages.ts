// Reading a list of Nexudus page by page.
import type { z } from 'zod';
import type { NexudusClient } from './client.js';
import { NexudusError } from './failure.js';
import { listAnswer } from './schemas.js';

/** Large pages, because requests are limited. A server may send smaller ones. */
const PAGE_SIZE = 200;

/** A client, or something with the same `get`, but with patience. */
export type Getter = Pick<NexudusClient, 'get'>;

/**
 * Yields the pages of a list, with a request for each, in the order of the Ids. When a record is deleted while the list is read,
 * another may be missed. When a record is added, another may come twice.
 */
export async function* readPages<T>(
  client: Getter,
  path: string,
  record: z.ZodType<T>,
  options: Parameters<Getter['get']>[2],
): AsyncGenerator<T[]> {
  const answer = listAnswer(record);
  for (let page = 1; ; page++) {
    const query = { ...options.query, page, size: PAGE_SIZE, orderBy: 'Id' };
    const { Records, CurrentPage, HasNextPage } = await client.get(path, answer, { ...options, query });
    if (CurrentPage !== page) {
      const message = `GET ${path}: asked for page ${page}, got page ${CurrentPage}`;
      throw new NexudusError({ kind: 'unexpected', message, mayHaveArrived: true });
    }
    yield Records;
    if (!HasNextPage || Records.length === 0) return;
  }
}
