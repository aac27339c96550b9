// The story of one device, and what can be done about it. One dialog for all devices; the browser keeps the focus in it and gives it back.
import { setLabel } from './labels.js';
import { showTimeline } from './timeline.js';
import {
  byId,
  countWords,
  DECISIONS,
  durationWords,
  element,
  REPORTS,
  setText,
  spanWords,
  timesWords,
  timeWords,
} from './words.js';

/** However fast a device's news come, its story is read this often at most. */
const READ_EVERY_MS = 1_000;
const PROTOCOLS = { arp: 'ARP', dhcp: 'DHCP', ndp: 'NDP', dhcpv6: 'DHCPv6' };

const dialog = byId('story');
let mac = null;
let story = null;
let drawn = '';
let timer = null;
let refreshSeconds = null;

byId('story-close').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => {
  mac = null;
  story = null;
  clearTimeout(timer);
  timer = null;
});
// The dialog itself is hit only beside its content: on the backdrop.
dialog.addEventListener('click', ({ target }) => {
  if (target === dialog) dialog.close();
});
byId('label-equipment').addEventListener('click', () => label({ as: 'equipment' }));
byId('label-undo').addEventListener('click', () => label(null));
byId('label-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void label({ as: 'known', name: byId('label-known').value });
});
byId('copy').addEventListener('click', () => copy());

/** How soon what is entered in Nexudus takes effect; null without a login. */
export function useDirectoryRefresh(seconds) {
  refreshSeconds = seconds;
}

/** Opens the story of a device. */
export function openStory(asked) {
  mac = asked;
  story = null;
  drawn = '';
  setText(byId('story-name'), mac);
  setText(byId('story-about'), '');
  setText(byId('story-now'), 'Reading its story …');
  byId('story-content').hidden = true;
  say('');
  setText(byId('copy-done'), '');
  byId('label-known').value = '';
  // From a relative's story: the button that opened this one is gone, and the focus with it.
  if (dialog.open) dialog.querySelector('button').focus();
  else dialog.showModal();
  dialog.scrollTop = 0;
  void read(true);
}

/** These devices have news. */
export function storyOf(macs) {
  if (mac !== null && macs.includes(mac)) timer ??= setTimeout(() => read(false), READ_EVERY_MS);
}

async function read(isFirst) {
  timer = null;
  const asked = mac;
  if (asked === null) return;
  let answer;
  try {
    answer = await fetch(`/api/devices/${asked}`);
    if (answer.status === 401) return location.assign('/login');
    const body = await answer.json();
    // Another one may have been opened meanwhile.
    if (asked !== mac) return;
    if (answer.ok) return show(body, isFirst);
    setText(byId('story-now'), answer.status === 404 ? 'Nothing is known of it any more.' : body.error);
  } catch {
    if (asked !== mac) return;
    setText(byId('story-now'), 'The monitor does not answer.');
  }
  // A device that has just come may be known in a moment, and a monitor that is busy or restarts answers again.
  if (story === null) timer ??= setTimeout(() => read(isFirst), READ_EVERY_MS);
}

function show(told, isFirst) {
  story = told;
  const { device, visits, day, nexudusMac } = told;
  const now = JSON.stringify(told);
  if (now === drawn) return;
  drawn = now;
  byId('story-content').hidden = false;
  setText(byId('story-name'), device.hostname ?? 'no name');
  setText(byId('story-about'), aboutWords(device));
  showStanding(device);
  setText(byId('story-now'), nowWords(told));
  showTimeline(byId('story-timeline'), visits, Date.parse(day.from));
  showFacts(told);
  byId('story-visits').replaceChildren(...visits.toReversed().map(visitItem));
  setText(byId('nexudus-mac'), nexudusMac);
  setText(byId('nexudus-words'), nexudusWords(device));
  showLabel(device.label);
  // Later it may be what somebody is typing.
  if (isFirst) byId('label-known').value = device.label?.as === 'known' ? (device.label.name ?? '') : '';
}

function aboutWords({ mac, vendor, randomised, kind }) {
  const maker = vendor ?? (randomised ? 'private address' : 'unknown vendor');
  return [mac, kind, maker].filter((part) => part !== null).join(' · ');
}

function showStanding({ decision, reason, report }) {
  const parts = [badge(decision, DECISIONS[decision]), element('bdi', {}, reason)];
  const { state, reason: why, recordId, at } = report;
  if (state !== 'none') {
    const words = [
      why,
      recordId === null ? null : `record ${recordId}`,
      at === null ? null : `since ${timeWords(Date.parse(at))}`,
    ].filter((part) => part !== null);
    parts.push(badge(state, REPORTS[state]), element('bdi', {}, words.join(', ')));
  }
  byId('story-standing').replaceChildren(...parts);
}

function badge(state, words) {
  return element('span', { class: 'badge', 'data-state': state }, words);
}

function nowWords({ device, visits, day }) {
  const dayMs = Date.parse(day.from);
  const hereMs = visits.reduce((sum, { from, to }) => {
    return sum + Math.max(0, Date.parse(to) - Math.max(Date.parse(from), dayMs));
  }, 0);
  const first = timeWords(Date.parse(device.firstSeen));
  const state = device.here
    ? `Here since ${first}.`
    : `Left: it was here from ${first} to ${timeWords(Date.parse(device.lastSeen))}.`;
  return `${state} It was here ${timesWords(device.visitsToday)} today, for ${spanWords(hereMs)} in all.`;
}

function showFacts({ device, hostnames, ips, kin, suggestion }) {
  const lasts = [
    ['Last sign of life', timeWords(Date.parse(device.lastSeen))],
    ['Last sighting', timeWords(Date.parse(device.lastSighting))],
  ];
  const facts = [
    ['Kind', [device.kind ?? 'not known']],
    ['Vendor', [device.vendor ?? (device.randomised ? 'none: it is a private (randomised) address' : 'unknown')]],
    ['Names it gave', hostnames.length === 0 ? ['none'] : hostnames],
    ['Addresses', ips.length === 0 ? ['none seen'] : ips],
    ...(device.vendorClass === null ? [] : [['Vendor class', [device.vendorClass]]]),
    ...(device.vlan === null ? [] : [['VLAN', [`${device.vlan}`]]]),
    ['Heard by', [device.via.map((name) => PROTOCOLS[name] ?? name).join(', ')]],
    ...lasts.map(([name, words]) => [name, [words]]),
    ...(suggestion === null ? [] : [['Looks like equipment', suggestion.reasons.map((reason) => `it ${reason}`)]]),
  ];
  const list = byId('story-facts');
  list.replaceChildren(
    ...facts.map(([name, words]) =>
      element(
        'div',
        {},
        element('dt', { class: 'fact' }, name),
        ...words.map((text) => element('dd', { class: 'fact' }, element('bdi', {}, text))),
      ),
    ),
  );
  if (kin.length > 0) {
    list.append(element('div', {}, element('dt', { class: 'fact' }, 'Most likely also'), ...kin.map(kinItem)));
  }
}

function kinItem({ mac: other, by, is }) {
  const button = element('button', { type: 'button', class: 'kin' }, other);
  button.addEventListener('click', () => openStory(other));
  return element('dd', { class: 'fact' }, button, ` its ${is} address: both show the same ${by}`);
}

function visitItem({ from, to, over, sightings, keepAlives, via, settlement, decisions, reports }) {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const end = over ? `${timeWords(fromMs)} to ${timeWords(toMs)}` : `${timeWords(fromMs)}, still here`;
  const heard = via.map((name) => PROTOCOLS[name] ?? name).join(', ');
  const news = [
    ...decisions.map(({ at, decision, reason }) => [at, decision, DECISIONS[decision], reason]),
    ...reports.map(({ at, state, reason, recordId }) => [
      at,
      state,
      REPORTS[state],
      reportWords(state, reason, recordId),
    ]),
  ].sort(([a], [b]) => Date.parse(a) - Date.parse(b));
  const items = news.map(([at, state, title, words]) =>
    element(
      'li',
      {},
      element('time', { datetime: at }, timeWords(Date.parse(at))),
      ' ',
      badge(state, title),
      ' ',
      element('bdi', {}, words),
    ),
  );
  if (settlement === 'spaced') {
    items.push(element('li', {}, 'Not reported: it was reported a short while before (REPORT_AGAIN_AFTER).'));
  }
  return element(
    'li',
    { class: 'visit' },
    element('b', {}, end),
    ` (${spanWords(toMs - fromMs)})`,
    element(
      'p',
      { class: 'quiet' },
      `${countWords(sightings, 'sighting')} by ${heard}, ${countWords(keepAlives, 'keep-alive')}`,
    ),
    element('ul', { class: 'visit-news' }, ...items),
  );
}

function reportWords(state, reason, recordId) {
  if (recordId !== null) return `record ${recordId}`;
  if (reason !== null) return reason;
  return state === 'waiting' ? 'the report waits for Nexudus' : state === 'dry-run' ? 'it would be reported' : '';
}

function nexudusWords({ decision }) {
  if (refreshSeconds === null) {
    return 'This monitor has no login to Nexudus. Label the device as known, or add it to KNOWN_DEVICES_FILE.';
  }
  const soon = durationWords(refreshSeconds) ?? `${refreshSeconds} s`;
  const known = decision === 'recognised' ? 'It is recognised already. Otherwise: ' : '';
  return `${known}Copy the address, open the customer in Nexudus, choose the Access tab, paste it into the field MAC addresses, and save. The device is recognised within ${soon}; nothing needs to be done here.`;
}

function showLabel(given) {
  byId('label-equipment').setAttribute('aria-pressed', `${given?.as === 'equipment'}`);
  const name = given?.name ?? null;
  const words =
    given === null
      ? 'Nobody has labelled it.'
      : `It is labelled as ${given.as}${name === null ? '' : ` (${name})`}, since ${timeWords(Date.parse(given.since))}.`;
  setText(byId('label-now'), words);
  const undo = byId('label-undo');
  const hadFocus = document.activeElement === undo;
  undo.hidden = given === null;
  if (undo.hidden && hadFocus) byId('label-equipment').focus();
}

async function label(given) {
  const asked = mac;
  const had = story?.device.report.state;
  const buttons = byId('label-form').querySelectorAll('button');
  const focused = document.activeElement;
  for (const button of buttons) button.disabled = true;
  say('');
  const { problem, notice } = await setLabel(asked, given);
  for (const button of buttons) button.disabled = false;
  if (asked !== mac) return;
  // A button that is disabled loses the focus.
  if (document.activeElement === document.body || document.activeElement === dialog) focused.focus();
  if (problem !== null) say('', problem);
  else say([doneWords(given, had), notice].filter((part) => part !== null).join(' '));
  await read(false);
}

function doneWords(given, report) {
  if (given === null) return 'The label is removed. If nobody is known to own the device, it is reported again.';
  const waits = report === 'waiting' ? ' Its report, which waits, is withdrawn.' : '';
  const stays = report === 'posted' ? ' What was posted stays in Nexudus.' : '';
  return `It is labelled as ${given.as}, and is not reported any more.${waits}${stays}`;
}

function say(done, problem = '') {
  setText(byId('label-done'), done);
  setText(byId('label-problem'), problem);
}

/** Only pages on HTTPS or loopback may use the clipboard; others can copy what is selected. */
async function copy() {
  const text = byId('nexudus-mac').textContent;
  let isCopied = false;
  try {
    await navigator.clipboard.writeText(text);
    isCopied = true;
  } catch {
    document.getSelection().selectAllChildren(byId('nexudus-mac'));
    isCopied = document.execCommand('copy');
  }
  setText(byId('copy-done'), isCopied ? `${text} is copied.` : 'It is selected: copy it with Ctrl+C.');
}
