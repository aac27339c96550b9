// When a device came and went today: one bar for each visit. For the eye only; the visits are listed in words below it.
import { element, timeWords } from './words.js';

const DAY_MS = 86_400_000;
const TICK_EVERY_HOURS = 6;

/** `fromMs`: when today began at the location. */
export function showTimeline(place, visits, fromMs) {
  const share = (ms) => Math.min(100, Math.max(0, (100 * (ms - fromMs)) / DAY_MS));
  const bars = visits
    .filter(({ to }) => Date.parse(to) >= fromMs)
    .map(({ from, to, decisions }) => {
      const start = share(Date.parse(from));
      const kind = decisions.at(-1)?.decision ?? 'pending';
      const bar = element('i', {
        class: kind,
        title: `${timeWords(Date.parse(from))} to ${timeWords(Date.parse(to))}`,
      });
      bar.style.insetInlineStart = `${start}%`;
      bar.style.inlineSize = `${share(Date.parse(to)) - start}%`;
      return bar;
    });
  const now = element('span', { class: 'now' });
  now.style.insetInlineStart = `${share(Date.now())}%`;
  const ticks = [];
  for (let hour = 0; hour <= 24; hour += TICK_EVERY_HOURS) {
    const tick = element('span', { class: 'tick' }, hour === 24 ? '24' : `${hour}`);
    tick.style.insetInlineStart = `${(100 * hour) / 24}%`;
    ticks.push(tick);
  }
  place.replaceChildren(...ticks, element('div', { class: 'track' }, ...bars, now));
}
