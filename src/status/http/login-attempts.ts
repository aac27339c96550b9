// Counts wrong tokens within a minute, by address, and over all addresses.
const PERIOD_MS = 60_000;
const MAX_BY_ADDRESS = 10;
const MAX_OVER_ALL = 100;
/** With more addresses the oldest count is forgotten. The count over all addresses stays. */
const MAX_ADDRESSES = 1_000;

interface Count {
  failures: number;
  readonly sinceMs: number;
}

export class LoginAttempts {
  private readonly byAddress = new Map<string, Count>();
  private overAll: Count = { failures: 0, sinceMs: 0 };

  isHeldBack(address: string): boolean {
    return current(this.byAddress.get(address)).failures >= MAX_BY_ADDRESS;
  }

  areTooMany(): boolean {
    return current(this.overAll).failures >= MAX_OVER_ALL;
  }

  failed(address: string): void {
    this.overAll = current(this.overAll);
    this.overAll.failures++;
    const count = current(this.byAddress.get(address));
    count.failures++;
    this.byAddress.delete(address);
    this.byAddress.set(address, count);
    const [first] = this.byAddress.keys();
    if (this.byAddress.size > MAX_ADDRESSES && first !== undefined) this.byAddress.delete(first);
  }
}

function current(count: Count | undefined): Count {
  const nowMs = performance.now();
  return count !== undefined && nowMs - count.sinceMs < PERIOD_MS ? count : { failures: 0, sinceMs: nowMs };
}
