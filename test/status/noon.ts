// Tests that count what happened today must not run over midnight.

/** A time zone in which it is noon or a little later, whenever the test runs. */
export function zoneAtNoon(): string {
  const behindHours = new Date().getUTCHours() - 12;
  // In these names the sign is that of POSIX: plus is west.
  return `Etc/GMT${behindHours < 0 ? '-' : '+'}${Math.abs(behindHours)}`;
}
