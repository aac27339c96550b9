// The hub's page: how the hub is, and a line for each sensor with its location. Asks every five seconds.
import { byId, element, setText } from './words.js';

const EVERY_MS = 5_000;

async function refresh() {
  try {
    const answer = await fetch('/api/locations');
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error((await answer.json()).error);
    const { health, locations } = await answer.json();
    showHealth(health.status, health.reasons);
    showLocations(locations);
  } catch {
    showHealth('degraded', ['The hub does not answer, or cannot reach Redis.']);
  }
  setTimeout(refresh, EVERY_MS);
}

function showHealth(status, reasons) {
  byId('health').dataset.state = status;
  setText(byId('verdict'), status === 'ok' ? 'All is well' : 'Somebody should look');
  byId('reasons').replaceChildren(...reasons.map((reason) => element('li', {}, reason)));
}

function showLocations(locations) {
  setText(byId('count'), `${locations.length} ${locations.length === 1 ? 'sensor' : 'sensors'}`);
  byId('locations').replaceChildren(...locations.map(row));
}

function row(one) {
  const cells = [
    one.location,
    one.sensor,
    one.heardSecondsAgo === null ? 'never' : agoWords(one.heardSecondsAgo),
    one.clockOffsetSeconds === null ? '' : `${one.clockOffsetSeconds > 0 ? '+' : ''}${one.clockOffsetSeconds} s`,
    one.openVisits ?? '',
    one.visitsToday,
    one.unrecognisedToday,
    one.waiting ?? '',
    one.troubles.join('; '),
  ];
  return element('tr', {}, ...cells.map((cell) => element('td', {}, String(cell))));
}

function agoWords(seconds) {
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3_600)} h ago`;
}

refresh();
