// A progress bar on a terminal.
const WIDTH = 30;
const SHOW_AFTER_MS = 500;
const SHOW_EVERY_MS = 100;

export class ProgressBar {
  private readonly beganMs = performance.now();
  private shownMs = 0;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  /** Shows `read` of `total` bytes, but not too often, and only when the work takes long. */
  show(read: number, total: number): void {
    const now = performance.now();
    if (now - this.beganMs < SHOW_AFTER_MS || now - this.shownMs < SHOW_EVERY_MS || total === 0) return;
    this.shownMs = now;
    const share = Math.min(1, read / total);
    const done = Math.round(share * WIDTH);
    const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1);
    const bar = `${'#'.repeat(done)}${'.'.repeat(WIDTH - done)}`;
    this.stream.write(`\r[${bar}] ${Math.round(share * 100)} %  ${megabytes(read)} of ${megabytes(total)} MB`);
  }

  /** Removes the bar. */
  clear(): void {
    if (this.shownMs > 0) this.stream.write('\r\u001b[K');
  }
}
