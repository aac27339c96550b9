// The status page: keeps the connection to the monitor, and hands what arrives to whoever shows it.
import { showArrivals } from './arrivals.js';
import { Devices } from './devices.js';
import { showCounters, showHealth, showLost } from './health.js';
import { showOutbox } from './outbox.js';
import { useDirectoryRefresh } from './story.js';
import { showSuggestions } from './suggestions.js';
import { byId, setText, timeWords, useTimeZone } from './words.js';

/** The monitor sends something at least every two seconds. */
const LOST_AFTER_MS = 15_000;
const TRY_AGAIN_MS = 3_000;

const devices = new Devices();
let source;
let heardMs = 0;
let isComplete = false;
let isDryRun = false;
let latestOutbox;
/** What arrives while the full state is on its way is shown with it. */
let shown = null;

function connect() {
  source?.close();
  heardMs = Date.now();
  source = new EventSource('/api/events');
  source.onmessage = ({ data }) => {
    heardMs = Date.now();
    take(JSON.parse(data));
  };
  // The browser tries again by itself, unless the answer was a refusal.
  source.onerror = () => {
    lost();
    if (source.readyState === EventSource.CLOSED) void findOut();
  };
}

/** Why was the connection refused? Without a session people are sent to the login form. */
async function findOut() {
  try {
    const { status } = await fetch('/api/health');
    if (status === 401) return location.assign('/login');
  } catch {
    // Nobody answers at all.
  }
  setTimeout(connect, TRY_AGAIN_MS);
}

setInterval(() => {
  if (Date.now() - heardMs < LOST_AFTER_MS || source.readyState === EventSource.CLOSED) return;
  lost();
  connect();
}, 1_000);

function lost() {
  const link = byId('link');
  if (link.dataset.state === 'lost') return;
  link.dataset.state = 'lost';
  setText(link, 'Connection lost');
  showLost(shown === null ? null : timeWords(shown));
}

function take(update) {
  const { hello, status, outbox, suggestions, complete } = update;
  if (hello !== undefined) {
    isComplete = false;
    useTimeZone(hello.timeZone);
    useDirectoryRefresh(hello.directoryRefreshSeconds);
    byId('logout').hidden = !hello.session;
    devices.forget();
  }
  if (complete) isComplete = true;
  devices.take(update);
  if (status !== undefined) {
    const link = byId('link');
    link.dataset.state = 'live';
    setText(link, 'Live');
    shown = Date.now();
    showHealth(status.health);
    showArrivals(status.arrivals);
    showCounters(status);
    devices.open = status.health.visits.open;
    isDryRun = status.health.dryRun;
  }
  if (outbox !== undefined) latestOutbox = outbox;
  if (latestOutbox !== undefined) showOutbox(latestOutbox, { isDryRun });
  if (suggestions !== undefined) showSuggestions(suggestions);
  if (isComplete) devices.show();
}

connect();
