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

const numbers = new Intl.NumberFormat('en-GB');

export function countWords(count, one, many = `${one}s`) {
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}

export function numberWords(count) {
  return numbers.format(count);
}
