// Today's arrivals: bars for the eye, a table for whoever does not see them, a sentence for all.
import { byId, countWords, element, numberWords, setText } from './words.js';

let drawn = '';

export function showArrivals({ hour, hours }) {
  const now = JSON.stringify([hour, hours]);
  if (now === drawn) return;
  drawn = now;
  const totals = hours.map(({ recognised, unrecognised }) => recognised + unrecognised);
  const most = Math.max(...totals);
  setText(byId('arrivals-words'), sentence(hours, totals, most));
  byId('arrivals').replaceChildren(
    ...hours.map((counts, at) => {
      const share = (count) => `${most === 0 ? 0 : (100 * count) / most}%`;
      const bars = ['unrecognised', 'recognised'].map((kind) => {
        const bar = element('i', { class: kind });
        bar.style.blockSize = share(counts[kind]);
        return bar;
      });
      return element(
        'div',
        { class: at === hour ? 'now' : at > hour ? 'later' : '', title: words(at, counts) },
        element('span', { class: 'bars' }, ...bars),
        element('span', { class: 'hour' }, isLabelled(at, hour) ? `${at}` : ''),
      );
    }),
  );
  byId('arrivals-table').replaceChildren(
    ...hours
      .slice(0, hour + 1)
      .map(({ recognised, unrecognised }, at) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, span(at)),
          element('td', {}, `${recognised}`),
          element('td', {}, `${unrecognised}`),
        ),
      ),
  );
}

/** Some hours, and the one it is now; its neighbours keep away. */
function isLabelled(at, hour) {
  return at === hour || ((at % 6 === 0 || at === 23) && Math.abs(at - hour) > 1);
}

function span(hour) {
  return `${hour} to ${hour + 1} h`;
}

function words(hour, { recognised, unrecognised }) {
  return `${span(hour)}: ${numberWords(recognised)} recognised, ${numberWords(unrecognised)} unrecognised`;
}

function sentence(hours, totals, most) {
  if (most === 0) return 'Nobody has arrived yet today.';
  const total = totals.reduce((sum, count) => sum + count, 0);
  const unrecognised = hours.reduce((sum, count) => sum + count.unrecognised, 0);
  const busiest = totals.indexOf(most);
  return `${countWords(total, 'arrival')}, ${numberWords(unrecognised)} of them unrecognised. Busiest: ${span(busiest)} (${numberWords(most)}).`;
}
