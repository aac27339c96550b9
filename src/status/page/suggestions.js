// Devices that look like equipment, with the reasons: all or some are labelled with one action, which can be undone.
import { setLabel } from './labels.js';
import { openStory } from './story.js';
import { byId, countWords, element, setText } from './words.js';

const list = byId('suggestions-list');
/** What somebody has ticked or unticked, by MAC; the others are as they were suggested. */
const choices = new Map();
let suggestions = [];
/** What was labelled last, to be undone. */
let labelled = [];

byId('suggestions-label').addEventListener('click', () => labelChosen());
byId('suggestions-undo').addEventListener('click', () => undo());
list.addEventListener('change', ({ target }) => {
  choices.set(target.dataset.mac, target.checked);
  showButton();
});

export function showSuggestions(told) {
  suggestions = told;
  const focused = document.activeElement?.dataset?.mac;
  list.replaceChildren(...suggestions.map(itemOf));
  if (focused !== undefined) list.querySelector(`[data-mac="${CSS.escape(focused)}"]`)?.focus();
  setText(
    byId('suggestions-words'),
    suggestions.length === 0
      ? 'Nothing else looks like equipment.'
      : `${countWords(suggestions.length, 'device')}, which nobody has registered or labelled. None is ignored until you say so.`,
  );
  showButton();
  showSection();
}

function itemOf({ mac, hostname, vendor, kind, reasons, needsCare }) {
  const box = element('input', { type: 'checkbox', 'data-mac': mac });
  box.checked = isChosen({ mac, needsCare });
  const about = [kind, vendor].filter((part) => part !== null).join(', ');
  const look = element(
    'button',
    { type: 'button', 'aria-haspopup': 'dialog', 'aria-label': `Story of ${hostname ?? mac}` },
    'Story',
  );
  look.addEventListener('click', () => openStory(mac));
  const why = `It ${reasons.join('; it ')}.${needsCare ? ' Look at the device first: an attacker’s looks the same.' : ''}`;
  return element(
    'li',
    {},
    element(
      'label',
      {},
      box,
      ' ',
      element('bdi', { class: 'first' }, hostname ?? 'no name'),
      ' ',
      element('span', { class: 'mac' }, mac),
      element('span', { class: 'quiet' }, about === '' ? '' : ` ${about}`),
    ),
    look,
    element('bdi', { class: 'about' }, why),
  );
}

function isChosen({ mac, needsCare }) {
  return choices.get(mac) ?? !needsCare;
}

function chosen() {
  return suggestions.filter(isChosen).map(({ mac }) => mac);
}

function showButton() {
  const button = byId('suggestions-label');
  const count = chosen().length;
  button.disabled = count === 0;
  setText(button, count === 0 ? 'None is chosen' : `Label ${countWords(count, 'device')} as equipment`);
  button.hidden = suggestions.length === 0;
}

function showSection() {
  byId('suggestions').hidden = suggestions.length === 0 && byId('suggestions-done').textContent === '';
}

async function labelChosen() {
  const { done, problem } = await forEach(chosen(), { as: 'equipment' });
  labelled = done;
  say(
    done.length === 0
      ? ''
      : `${countWords(done.length, 'device is', 'devices are')} labelled as equipment, and not reported any more.`,
    problem,
  );
}

async function undo() {
  const { done, problem } = await forEach(labelled, null);
  labelled = labelled.filter((mac) => !done.includes(mac));
  say(`${countWords(done.length, 'label is', 'labels are')} removed.`, problem);
  byId('suggestions-title').focus();
}

/** One after the other, so that what fails is known; after the first failure the others would fail as well. */
async function forEach(macs, label) {
  const buttons = [byId('suggestions-label'), byId('suggestions-undo')];
  for (const button of buttons) button.disabled = true;
  const done = [];
  let problem = null;
  for (const mac of macs) {
    const answer = await setLabel(mac, label);
    problem = answer.problem;
    if (problem !== null) break;
    done.push(mac);
  }
  for (const button of buttons) button.disabled = false;
  showButton();
  return { done, problem };
}

function say(done, problem) {
  setText(byId('suggestions-done'), done);
  setText(byId('suggestions-problem'), problem ?? '');
  byId('suggestions-undo').hidden = labelled.length === 0;
  showSection();
}
