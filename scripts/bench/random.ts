// Random numbers from a seed. They are the same on every machine.

/** mulberry32 by Tommy Ettinger (public domain): 32 bits of state, enough for test data and for nothing else. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** At least 0 and below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between([least, most]: readonly [number, number]): number {
    return least + this.next() * (most - least);
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  /** The time to the next of events that come independently of each other, `mean` apart on average. */
  wait(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** One of `choices`, each as often as its weight says. */
  pick<Choice>(choices: readonly (readonly [Choice, weight: number])[]): Choice {
    const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
    let rest = this.next() * total;
    for (const [choice, weight] of choices) {
      rest -= weight;
      if (rest < 0) return choice;
    }
    const last = choices.at(-1);
    if (last === undefined) throw new Error('nothing to pick from');
    return last[0];
  }
}
