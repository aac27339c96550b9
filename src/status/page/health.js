// Health in words, the facts behind it, and the counters.
import { byId, countWords, durationWords, element, numberWords, setText } from './words.js';

let reasonsShown = '';

export function showHealth(health) {
  const { status, reasons, capture } = health;
  const listening = capture.filter(({ state }) => state === 'capturing').map((one) => one.interface);
  if (status === 'ok') verdict('ok', `All is well. Listening on ${listening.join(', ')}.`, []);
  else
    verdict(
      'degraded',
      listening.length === 0 ? 'Not listening.' : 'Listening, but something needs attention.',
      reasons,
    );
  showFacts(health);
}

/** `since` is when the last news came, in words; null when there never were any. */
export function showLost(since) {
  verdict(
    'lost',
    since === null
      ? 'The monitor does not answer. Trying again …'
      : `The connection to the monitor is lost. What is shown is from ${since}. Trying again …`,
    [],
  );
}

/** The one part of the page that screen readers speak out when it changes: only real changes touch it. */
function verdict(state, words, reasons) {
  byId('health').dataset.state = state;
  setText(byId('verdict'), words);
  const all = reasons.join('\n');
  if (all === reasonsShown) return;
  reasonsShown = all;
  byId('reasons').replaceChildren(...reasons.map((reason) => element('li', {}, reason)));
}

const STATES = { capturing: 'listening', 'no-link': 'no link', down: 'down', missing: 'missing', failed: 'failed' };

function showFacts({ capture, nexudus, redis, directory, dryRun }) {
  const facts = capture.map((one) => {
    const age = one.lastFrameAgeSeconds;
    const last = age === null ? 'no frame yet' : `last frame ${agoOrNow(age)}`;
    const isWell = one.state === 'capturing' && !one.silent;
    return [one.interface, isWell ? 'ok' : 'bad', `${STATES[one.state]}, ${last}`];
  });
  if (nexudus === null) facts.push(['Nexudus', 'none', 'not used: no login is set']);
  else if (nexudus.failures.length > 0) facts.push(['Nexudus', 'bad', nexudus.failures[0]]);
  else if (nexudus.lastSuccessAgeSeconds === null) facts.push(['Nexudus', 'none', 'not asked yet']);
  else facts.push(['Nexudus', 'ok', `answered ${agoOrNow(nexudus.lastSuccessAgeSeconds)}`]);
  const read = directory.ageSeconds === null ? '' : `, read ${agoOrNow(directory.ageSeconds)}`;
  facts.push([
    'Directory',
    directory.loaded ? 'ok' : 'bad',
    directory.loaded ? `${countWords(directory.devices, 'known device')}${read}` : 'not read yet',
  ]);
  if (redis === null) facts.push(['Redis', 'none', 'not used: a restart forgets']);
  else facts.push(['Redis', redis.reachable ? 'ok' : 'bad', redis.reachable ? 'reachable' : 'does not answer']);
  if (dryRun) facts.push(['Dry run', 'none', 'nothing is posted (DRY_RUN)']);
  fill(
    byId('facts'),
    facts.map(([name, state, words]) => [name, words, state]),
  );
}

function agoOrNow(seconds) {
  const words = durationWords(seconds);
  return words === null ? 'just now' : `${words} ago`;
}

export function showCounters({ health, counters }) {
  const dropped = health.capture.reduce((sum, one) => sum + one.droppedByKernel + one.droppedByInterface, 0);
  const up = durationWords(health.uptimeSeconds) ?? 'less than a minute';
  fill(byId('counters'), [
    ['Running for', up],
    ['Frames', numberWords(counters.frames)],
    ['Sightings', numberWords(counters.sightings)],
    ['Malformed', numberWords(counters.malformed)],
    ['Dropped', numberWords(dropped)],
    ['Held back in floods', numberWords(health.flood.refused)],
    ['Version', health.version],
  ]);
}

/** Brings a description list up to date: [name, words, state]. */
function fill(list, entries) {
  while (list.children.length > entries.length) list.lastElementChild.remove();
  entries.forEach(([name, words, state = null], at) => {
    let row = list.children[at];
    if (row === undefined) {
      row = element('div', {}, element('dt'), element('dd'));
      list.append(row);
    }
    if (state !== null) row.dataset.state = state;
    setText(row.children[0], name);
    setText(row.children[1], words);
  });
}
