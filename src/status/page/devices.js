// The devices that are here, or were today: found, sorted and shown. Thousands stay smooth because only the first rows are made, and of those only
// what has changed is touched.
import { openStory, storyOf } from './story.js';
import {
  agoWords,
  byId,
  countWords,
  DECISIONS,
  element,
  numberWords,
  REPORTS,
  setText,
  timesWords,
  timeWords,
} from './words.js';

const ROWS = 100;

const DECISION_ORDER = ['unrecognised', 'pending', 'recognised', 'ignored'];

const REPORT_ORDER = ['refused', 'waiting', 'handed-over', 'posted', 'not-needed', 'dry-run', 'none'];
const REPORT_WORDS = {
  'handed-over': 'what became of it was not seen here',
  'dry-run': 'would be reported',
};

/** `by` makes what is sorted by: a number or a lower-case text; null goes last. */
const COLUMNS = [
  {
    id: 'name',
    title: 'Device',
    by: ({ hostname, mac }) => (hostname === null ? `\uffff${mac}` : hostname.toLowerCase()),
  },
  { id: 'vendor', title: 'Kind', by: (device) => (device.kind ?? device.vendor)?.toLowerCase() ?? null },
  { id: 'address', title: 'Address', by: (device) => ipOrder(shownIp(device)) },
  { id: 'since', title: 'Since', by: (device) => -device.firstMs, isDown: true },
  { id: 'seen', title: 'Last sign of life', by: (device) => -device.lastMs, isDown: true },
  { id: 'decision', title: 'Decision', by: (device) => DECISION_ORDER.indexOf(device.decision) },
  { id: 'report', title: 'Report', by: (device) => REPORT_ORDER.indexOf(device.report.state) },
];

const TILES = [
  { id: 'all', title: 'here now' },
  { id: 'unrecognised', title: 'unrecognised' },
  { id: 'recognised', title: 'recognised' },
  { id: 'ignored', title: 'ignored' },
  { id: 'pending', title: 'not decided yet' },
  { id: 'left', title: 'left today' },
];

/** Whether a tile stands for a device. */
function isShownBy(tile, { here, decision }) {
  if (tile === 'left') return !here;
  return here && (tile === 'all' || tile === decision);
}

const ROLES = { '.devices': 'table', '.devices > :is(thead, tbody)': 'rowgroup', '#columns': 'row' };

export class Devices {
  #devices = new Map();
  /** Rows that are on the page or were lately, by MAC. */
  #rows = new Map();
  #sorted = null;
  #column = COLUMNS.find(({ id }) => id === 'decision');
  #isReversed = false;
  #shown = 'all';
  #find = '';
  #limit = ROWS;
  #frame = null;
  /** How many visits are open, of which the monitor may send fewer. */
  open = 0;

  constructor() {
    // Said again, because browsers forget that it is a table where a narrow page shows it as cards.
    for (const [selector, role] of Object.entries(ROLES)) {
      for (const part of document.querySelectorAll(selector)) part.setAttribute('role', role);
    }
    for (const column of COLUMNS) byId('columns').append(this.#header(column));
    for (const tile of TILES) byId('shown').append(this.#tile(tile));
    byId('find').addEventListener('input', ({ target }) => {
      this.#find = target.value.trim().toLowerCase();
      this.#again();
    });
    // A row is one large target for the mouse and the thumb; its button is for everybody else. Text can still be selected.
    byId('rows').addEventListener('click', ({ target }) => {
      const { mac } = target.closest('tr')?.dataset ?? {};
      if (mac !== undefined && document.getSelection().isCollapsed) openStory(mac);
    });
    byId('more').addEventListener('click', () => {
      const first = byId('rows').children.length;
      this.#limit += ROWS;
      this.#draw();
      byId('rows').children[first]?.focus();
    });
    setInterval(() => this.show(), 10_000);
  }

  forget() {
    this.#devices.clear();
    this.#sorted = null;
  }

  take({ devices = [], seen = {}, gone = [] }) {
    for (const device of devices) {
      device.firstMs = Date.parse(device.firstSeen);
      device.lastMs = Date.parse(device.lastSeen);
      device.lastSightingMs = Date.parse(device.lastSighting);
      device.text = [
        device.mac,
        device.hostname,
        device.kind ?? '',
        device.vendor ?? (device.randomised ? 'private' : 'unknown'),
        device.ips.join(' '),
        device.vlan === null ? '' : `vlan ${device.vlan}`,
        device.coworker?.name,
        device.reason,
      ]
        .join(' ')
        .toLowerCase();
      this.#devices.set(device.mac, device);
    }
    for (const [mac, [lastMs, lastSightingMs, sightings]] of Object.entries(seen)) {
      const device = this.#devices.get(mac);
      if (device !== undefined) Object.assign(device, { lastMs, lastSightingMs, sightings });
    }
    storyOf([...devices.map(({ mac }) => mac), ...Object.keys(seen), ...gone]);
    for (const mac of gone) {
      this.#devices.delete(mac);
      this.#rows.delete(mac);
    }
    if (devices.length > 0 || gone.length > 0 || this.#column.id === 'seen') this.#sorted = null;
  }

  /** Draws with the next frame, however often it is asked for. */
  show() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  /** Another filter or order: from the top. */
  #again() {
    this.#limit = ROWS;
    this.#draw();
  }

  #draw() {
    this.#sorted ??= this.#sort();
    const found = this.#sorted.filter(
      (device) => isShownBy(this.#shown, device) && (this.#find === '' || device.text.includes(this.#find)),
    );
    this.#drawTiles();
    this.#drawRows(found.slice(0, this.#limit));
    this.#drawWords(found.length);
  }

  #sort() {
    const { by } = this.#column;
    const direction = this.#isReversed ? -1 : 1;
    return [...this.#devices.values()]
      .map((device) => ({ device, key: by(device) }))
      .sort(
        (a, b) =>
          direction * compare(a.key, b.key) ||
          b.device.firstMs - a.device.firstMs ||
          compare(a.device.mac, b.device.mac),
      )
      .map(({ device }) => device);
  }

  #drawRows(devices) {
    const body = byId('rows');
    const wanted = new Set(devices.map(({ mac }) => mac));
    for (const [mac, row] of this.#rows) {
      if (wanted.has(mac)) continue;
      row.remove();
      this.#rows.delete(mac);
    }
    // Rows of devices that left have nobody to remove them.
    for (const row of [...body.children]) if (!wanted.has(row.dataset.mac)) row.remove();
    const focused = document.activeElement;
    let next = body.firstElementChild;
    for (const device of devices) {
      let row = this.#rows.get(device.mac);
      if (row === undefined) {
        row = newRow(device);
        this.#rows.set(device.mac, row);
      }
      fillRow(row, device);
      // A row that stays in its place is not moved: it keeps its focus and its selection.
      if (row === next) next = next.nextElementSibling;
      else body.insertBefore(row, next);
    }
    if (document.activeElement !== focused && body.contains(focused)) focused.focus({ preventScroll: true });
  }

  #drawTiles() {
    const counts = this.#counts();
    for (const tile of byId('shown').querySelectorAll('button')) {
      const { show } = tile.dataset;
      tile.hidden = show === 'pending' && counts.pending === 0 && this.#shown !== 'pending';
      tile.setAttribute('aria-pressed', `${show === this.#shown}`);
      tile.classList.toggle('none', counts[show] === 0);
      setText(tile.firstElementChild, numberWords(counts[show]));
    }
  }

  #counts() {
    const counts = Object.fromEntries(TILES.map(({ id }) => [id, 0]));
    for (const { here, decision } of this.#devices.values()) {
      if (!here) counts.left++;
      else {
        counts.all++;
        counts[decision]++;
      }
    }
    return counts;
  }

  #drawWords(found) {
    const counts = this.#counts();
    const isLeft = this.#shown === 'left';
    const total = isLeft ? counts.left : counts.all;
    const rows = byId('rows').children.length;
    const isFiltered = (this.#shown !== 'all' && !isLeft) || this.#find !== '';
    setText(byId('devices-title'), isLeft ? 'Devices that left today' : 'Devices here now');
    const parts = [
      isFiltered ? `${numberWords(found)} of ${countWords(total, 'device')}` : countWords(total, 'device'),
    ];
    if (rows < found) parts.push(`the first ${numberWords(rows)} are shown`);
    if (!isLeft && this.open > total) parts.push(`${numberWords(this.open - total)} more are here and not listed`);
    setText(byId('devices-words'), total === 0 ? '' : `${parts.join('; ')}.`);
    byId('more').hidden = rows >= found;
    const nobody = byId('nobody');
    nobody.hidden = found > 0;
    byId('columns').parentElement.parentElement.classList.toggle('nobody', found === 0);
    setText(nobody, this.#nobodyWords(total, isLeft));
  }

  #nobodyWords(total, isLeft) {
    if (total === 0 && isLeft) return 'Nobody has left today.';
    if (total === 0) return 'Nobody is here. A device appears within a few seconds of joining the network.';
    const elsewhere = [...this.#devices.values()].filter(
      ({ here, text }) => here === isLeft && text.includes(this.#find),
    );
    if (this.#find !== '' && elsewhere.length > 0) {
      const where = isLeft ? 'here now' : 'among those that left today';
      return `No device is like that. But ${countWords(elsewhere.length, 'is', 'are')} ${where}: choose that group above.`;
    }
    return 'No device is like that. Clear the search, or choose another group above.';
  }

  #header(column) {
    const button = element('button', {}, column.title);
    const header = element('th', { scope: 'col', role: 'columnheader', class: column.id }, button);
    const mark = () => {
      const isDown = this.#isReversed !== (column.isDown ?? false);
      if (this.#column === column) header.setAttribute('aria-sort', isDown ? 'descending' : 'ascending');
      else header.removeAttribute('aria-sort');
    };
    mark();
    button.addEventListener('click', () => {
      this.#isReversed = this.#column === column && !this.#isReversed;
      this.#column = column;
      this.#sorted = null;
      document.dispatchEvent(new Event('sorted'));
      this.#again();
    });
    document.addEventListener('sorted', mark);
    return header;
  }

  #tile({ id, title }) {
    const tile = element('button', { 'data-show': id, 'aria-pressed': 'false' }, element('b', {}, '0'), ` ${title}`);
    tile.addEventListener('click', () => {
      this.#shown = id;
      this.#again();
    });
    return tile;
  }
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

/** IPv4 addresses by number, before IPv6. */
function ipOrder(ip) {
  if (ip === undefined) return null;
  const parts = ip.split('.').map(Number);
  return parts.length === 4 ? parts.reduce((sum, part) => sum * 256 + part, 0) : 2 ** 32;
}

/** The latest IPv4 address, by which people know a device; else the latest of IPv6. */
function shownIp({ ips }) {
  return ips.findLast((ip) => !ip.includes(':')) ?? ips.at(-1);
}

/** Text from the wire is kept apart from its surroundings, whichever way it is written (bdi). */
function newRow({ mac }) {
  const cell = (name, ...children) => element('td', { role: 'cell', class: name }, ...children);
  const second = () => element('bdi', { class: 'second' });
  const two = (name) => cell(name, element('bdi', { class: 'first' }), second());
  const open = element(
    'button',
    { class: 'open', 'data-open': mac, 'aria-haspopup': 'dialog' },
    element('bdi', { class: 'first' }),
  );
  return element(
    'tr',
    { role: 'row', 'data-mac': mac, tabindex: '-1' },
    cell('name', open, second()),
    two('vendor'),
    two('address'),
    cell('since', element('time'), second()),
    cell('seen', element('time'), second()),
    cell('decision', element('span', { class: 'badge' }), second()),
    cell('report', element('span', { class: 'badge' }), second()),
  );
}

function fillRow(row, device) {
  const [name, vendor, address, since, seen, decision, report] = row.children;
  fillName(name, device);
  const maker = device.vendor ?? (device.randomised ? 'private address' : 'unknown vendor');
  if (device.kind === null) setTwo(vendor, maker, device.vendorClass ?? '');
  else setTwo(vendor, device.kind, maker);
  vendor.classList.toggle('unknown', device.kind === null && device.vendor === null);
  setTwo(address, shownIp(device) ?? 'no address', device.vlan === null ? '' : `VLAN ${device.vlan}`);
  address.classList.toggle('unknown', device.ips.length === 0);
  fillTimes(since, seen, device);
  setBadge(decision, device.decision, DECISIONS[device.decision], device.coworker?.name ?? device.reason);
  const { state, reason, at } = device.report;
  const words = reason ?? REPORT_WORDS[state] ?? (state === 'posted' && at !== null ? timeWords(Date.parse(at)) : '');
  setBadge(report, state, REPORTS[state], words);
}

function fillName(cell, { mac, hostname }) {
  const [open, second] = cell.children;
  const name = hostname ?? 'no name';
  setText(open.firstElementChild, name);
  setText(second, mac);
  const about = `${name}, ${mac}: its story`;
  if (open.getAttribute('aria-label') !== about) open.setAttribute('aria-label', about);
  cell.classList.toggle('unknown', hostname === null);
}

function fillTimes(since, seen, { here, firstMs, lastMs, lastSightingMs, visitsToday }) {
  setTime(since, firstMs, timeWords(firstMs));
  setText(since.children[1], `${timesWords(visitsToday)} today`);
  const nowMs = Date.now();
  setTime(seen, lastMs, here ? agoWords(nowMs - lastMs) : timeWords(lastMs));
  setText(seen.children[1], here ? `sighted ${agoWords(nowMs - lastSightingMs)}` : 'left');
}

function setTwo(cell, first, second) {
  setText(cell.children[0], first);
  setText(cell.children[1], second);
}

function setTime(cell, ms, words) {
  const [time] = cell.children;
  const iso = new Date(ms).toISOString();
  if (time.dateTime !== iso) time.dateTime = iso;
  setText(time, words);
}

function setBadge(cell, state, words, more) {
  if (cell.children[0].dataset.state !== state) cell.children[0].dataset.state = state;
  setTwo(cell, words, more);
}
