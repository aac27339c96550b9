// A question about one setting, asked until the answer is a proper value.
import { ENVIRONMENT } from '../../config/schema.js';
import { canBeWritten } from './env-file.js';
import type { Prompt } from './prompt.js';

/** Values by variable, as they are written; an empty one leaves the variable out. */
export type Answers = Readonly<Record<string, string>>;

/** Returns a value that the settings allow, or an empty text. @throws Ended */
export async function askSetting(
  prompt: Prompt,
  name: keyof typeof ENVIRONMENT.shape,
  question: string,
  initial: string,
): Promise<string> {
  for (;;) {
    const text = (await prompt.ask(question, initial)).trim();
    const value = text === '-' ? '' : text;
    if (value === '') return '';
    const { error } = ENVIRONMENT.shape[name].safeParse(value);
    if (error === undefined && canBeWritten(value)) return value;
    prompt.say(`  It ${error?.issues[0]?.message ?? 'cannot be written into .env: it has \' beside ", $, ` or \\'}.`);
  }
}
