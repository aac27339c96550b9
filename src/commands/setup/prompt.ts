// Questions in a terminal: one line each, with a default, and hidden where it is a secret.
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** The person ended the questions: Ctrl-C, Ctrl-D, or the terminal is gone. */
export class Ended extends Error {}

export class Prompt {
  private readonly lines: Interface;
  private isHidden = false;

  constructor() {
    // readline echoes what is typed by writing it here.
    const output = new Writable({
      write: (piece: Buffer, _encoding, done) => {
        if (!this.isHidden) process.stdout.write(piece);
        done();
      },
    });
    this.lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  }

  say(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** Returns what was typed, or the default when that is nothing. @throws Ended */
  ask(question: string, initial: string | null = null): Promise<string> {
    return this.line(`${question}${initial === null || initial === '' ? '' : ` [${initial}]`}: `, initial ?? '');
  }

  /** The same, without showing what is typed. @throws Ended */
  async askSecret(question: string): Promise<string> {
    process.stdout.write(`${question} (not shown): `);
    this.isHidden = true;
    try {
      return await this.line('', '');
    } finally {
      this.isHidden = false;
      process.stdout.write('\n');
    }
  }

  /** @throws Ended */
  async confirm(question: string, initial: boolean): Promise<boolean> {
    for (;;) {
      const text = (await this.ask(`${question} (y/n)`, initial ? 'y' : 'n')).trim().toLowerCase();
      if (['y', 'yes'].includes(text)) return true;
      if (['n', 'no'].includes(text)) return false;
      this.say('  Write y or n.');
    }
  }

  close(): void {
    this.lines.close();
  }

  private line(question: string, initial: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const onClose = () => reject(new Ended());
      this.lines.once('close', onClose);
      this.lines.question(question, (text) => {
        this.lines.off('close', onClose);
        resolve(text === '' ? initial : text);
      });
    });
  }
}
