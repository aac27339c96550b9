// What is on its way to Nexudus, what was refused and why, and a button to try again.
import { agoWords, byId, countWords, element, setText, timeWords } from './words.js';

const MAX_SHOWN = 20;
const STATES = { waiting: 'Waiting', delayed: 'Put back', active: 'Being sent', failed: 'Refused' };

const DRY_RUN = 'Nothing is posted to Nexudus, because this is a dry run (DRY_RUN).';

let drawn = '';
let problem = null;

byId('retry-all').addEventListener('click', ({ currentTarget }) => retry(null, currentTarget));

/** Null: the outbox does not answer. In a dry run nothing is ever in it. */
export function showOutbox(outbox, { isDryRun }) {
  setText(byId('outbox-words'), problem ?? (isDryRun ? DRY_RUN : sentence(outbox)));
  const entries = outbox?.entries.slice(0, MAX_SHOWN) ?? [];
  byId('retry-all').hidden = (outbox?.counts.failed ?? 0) < 2;
  // Drawn anew only when it is another list: a button that is about to be pressed must stay where it is.
  const now = JSON.stringify([entries, outbox?.paused]);
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement?.dataset?.retry;
  const items = entries.map(itemOf);
  if (outbox !== null && total(outbox) > items.length) {
    items.push(element('li', { class: 'quiet' }, `and ${countWords(total(outbox) - items.length, 'more', 'more')}`));
  }
  const list = byId('outbox');
  list.replaceChildren(...items);
  if (focused !== undefined) list.querySelector(`[data-retry="${CSS.escape(focused)}"]`)?.focus();
}

function total({ counts: { waiting, delayed, active, failed } }) {
  return waiting + delayed + active + failed;
}

function sentence(outbox) {
  if (outbox === null) return 'The outbox does not answer. What was found out meanwhile waits in memory.';
  const { waiting, delayed, active, failed, dropped } = outbox.counts;
  const onTheWay = waiting + delayed + active;
  if (onTheWay + failed + dropped === 0) return 'Nothing waits. Whatever was to be reported has gone to Nexudus.';
  const parts = [];
  if (failed > 0)
    parts.push(`${countWords(failed, 'failed check-in was', 'failed check-ins were')} refused by Nexudus.`);
  if (onTheWay > 0) {
    const since =
      outbox.oldest === null ? '' : `, the oldest was added ${agoWords(Date.now() - Date.parse(outbox.oldest))}`;
    parts.push(`${countWords(onTheWay, 'is', 'are')} on the way${since}.`);
  }
  if (dropped > 0)
    parts.push(
      `${countWords(dropped, 'failed check-in was', 'failed check-ins were')} dropped after waiting for too long.`,
    );
  if (outbox.paused !== null && onTheWay > 0) parts.push(`Delivery waits: ${outbox.paused}`);
  return parts.join(' ');
}

function itemOf({ id, state, added, attempts, reason, failedCheckin }) {
  const item = element(
    'li',
    {},
    element(
      'div',
      {},
      element('span', { class: 'badge', 'data-state': state }, STATES[state]),
      ' ',
      element('span', { class: 'mac' }, failedCheckin.MacAddresses.toLowerCase()),
      ' ',
      element('span', { class: 'quiet' }, `added ${timeWords(Date.parse(added))}${triesOf(attempts)}`),
    ),
    element('bdi', { class: 'about' }, failedCheckin.Description),
  );
  if (reason !== null) item.append(element('bdi', { class: 'why' }, reason));
  if (state === 'failed') {
    const button = element(
      'button',
      { 'data-retry': id, 'aria-label': `Retry ${failedCheckin.MacAddresses}` },
      'Retry',
    );
    button.addEventListener('click', () => retry(id, button));
    item.append(button);
  }
  return item;
}

function triesOf(attempts) {
  return attempts > 1 ? `, ${attempts} tries` : '';
}

async function retry(id, button) {
  button.disabled = true;
  try {
    const answer = await fetch('/api/outbox/retry', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id }),
    });
    if (answer.status === 401) return location.assign('/login');
    // What is gone already is no trouble: the list says so in a moment.
    problem = answer.ok || answer.status === 404 ? null : `It could not be sent again: ${(await answer.json()).error}.`;
  } catch {
    problem = 'It could not be sent again: the monitor does not answer.';
  }
  if (problem !== null) setText(byId('outbox-words'), problem);
  button.disabled = false;
}
