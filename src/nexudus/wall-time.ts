// Local time of a time zone.

/** Formats are kept, because making one takes longer than using it a hundred times. */
const formats = new Map<string | null, Intl.DateTimeFormat>();

/** Returns `2025-01-15T11:30:00`. `timeZone` null is the zone of this machine. Throws RangeError when it is not an IANA name. */
export function wallTime(atMs: number, timeZone: string | null): string {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = formatFor(timeZone);
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
}

function formatFor(timeZone: string | null): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    ...(timeZone === null ? {} : { timeZone }),
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}
