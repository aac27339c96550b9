// Elements and words. Whatever came off the wire becomes a text node here, never markup.

/** An element with attributes (null leaves one out), and children: elements, or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Sets text only where it differs: screen readers read what is set, and selections end. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let zone;

/** The location's time zone; null for that of the browser. */
export function useTimeZone(timeZone) {
  zone = timeZone ?? undefined;
  clock = undefined;
  dayAndClock = undefined;
  day = undefined;
}

let clock;
let dayAndClock;
let day;

/** `09:05` today, `Tue 9 Dec, 09:05` otherwise. */
export function timeWords(ms) {
  clock ??= new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  day ??= new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short' });
  dayAndClock ??= new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
  return (day.format(ms) === day.format(Date.now()) ? clock : dayAndClock).format(ms);
}

/** `just now`, `4 min ago`, `2 h ago`. */
export function agoWords(ms) {
  const words = durationWords(ms / 1_000);
  return words === null ? 'just now' : `${words} ago`;
}

/** `4 min`, `2 h`, `3 days`; null for less than a minute. */
export function durationWords(seconds) {
  if (seconds < 60) return null;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `2 h 28 min`, `4 min`, `less than a minute`. */
export function spanWords(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'less than a minute';
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes} min`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `once`, `twice`, `3 times`. */
export function timesWords(count) {
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${numberWords(count)} times`;
}

const numbers = new Intl.NumberFormat('en-GB');

export function countWords(count, one, many = `${one}s`) {
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}

export function numberWords(count) {
  return numbers.format(count);
}

export const DECISIONS = {
  unrecognised: 'Unrecognised',
  recognised: 'Recognised',
  ignored: 'Ignored',
  pending: 'Not decided yet',
};

export const REPORTS = {
  none: '',
  waiting: 'On its way',
  posted: 'In Nexudus',
  refused: 'Refused',
  'not-needed': 'Withdrawn',
  'handed-over': 'Handed over',
  'dry-run': 'Dry run',
};
