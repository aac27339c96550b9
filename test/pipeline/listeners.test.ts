import { expect, test } from 'vitest';
import { Listeners, PIPELINE_EVENTS, type PipelineListener } from '../../src/pipeline/listeners.js';

test('every event reaches every listener that wants it', () => {
  const heard: string[] = [];
  const all = (name: string) =>
    Object.fromEntries(
      PIPELINE_EVENTS.map((event) => [event, () => heard.push(`${name} ${event}`)]),
    ) as PipelineListener;
  const listeners = new Listeners(all('log'), {}, all('metrics'));
  listeners.add(all('page'));
  for (const event of PIPELINE_EVENTS) (listeners.emit as (event: string) => void).call(listeners, event);
  expect(heard).toEqual(PIPELINE_EVENTS.flatMap((event) => [`log ${event}`, `metrics ${event}`, `page ${event}`]));
});

test('a listener that is an object of a class is called as its own method', () => {
  class Counter implements PipelineListener {
    troubles = 0;
    onTrouble(): void {
      this.troubles++;
    }
  }
  const counter = new Counter();
  new Listeners(counter).emit('onTrouble', new Error('away'));
  expect(counter.troubles).toBe(1);
});

test('an event that nobody wants can be told from one that somebody wants', () => {
  const listeners = new Listeners({ onTrouble: () => {} });
  expect([listeners.has('onTrouble'), listeners.has('onSighting')]).toEqual([true, false]);
});
