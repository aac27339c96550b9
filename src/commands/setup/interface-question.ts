// Which interface to listen on: a list that counts, while it is looked at, the devices that each interface hears.
import { defaultRoute, listInterfaces, ownMacs } from '../../capture/network-interfaces.js';
import { countWords } from '../../presenters/count-words.js';
import { type Hearing, listenOn } from '../doctor/hearing.js';
import type { Prompt } from './prompt.js';

const LOOK_EVERY_MS = 500;

interface Choice {
  readonly name: string;
  readonly hearing: Hearing | null;
  /** Why nothing can be heard there. */
  readonly obstacle: string | null;
}

/** Returns the name of the interface; null to leave it to the default route. @throws Ended */
export async function askInterface(prompt: Prompt, wished: string | null): Promise<string | null> {
  const route = defaultRoute()?.interfaceName ?? null;
  const choices = listInterfaces()
    .filter(({ isLoopback, isEthernet, isUp }) => !isLoopback && isEthernet && isUp)
    .map(({ name }) => openChoice(name));
  if (choices.length === 0) {
    prompt.say('  There is no network interface that is up: set CAPTURE_INTERFACE later.');
    return null;
  }
  prompt.say('Where are the visitors? These interfaces are up; the numbers of devices heard go on counting.');
  const lineOf = ({ name, hearing, obstacle }: Choice) => {
    const what = hearing === null ? obstacle : `${countWords(hearing.heard.devices.size, 'device')} heard`;
    return `  ${name.padEnd(12)}  ${what}${name === route ? ' (default route)' : ''}`;
  };
  const draw = () => process.stdout.write(choices.map((choice) => `\u001b[K${lineOf(choice)}\n`).join(''));
  draw();
  // Above the question, where the cursor stays: saved, up, drawn, restored.
  const timer = setInterval(() => {
    process.stdout.write(`\u001b7\u001b[${choices.length}A\r`);
    draw();
    process.stdout.write('\u001b8');
  }, LOOK_EVERY_MS);
  try {
    const initial = wished ?? route ?? choices[0]?.name ?? '';
    for (;;) {
      const name = (await prompt.ask('Interface', initial)).trim();
      if (choices.some((choice) => choice.name === name)) return name;
      clearInterval(timer);
      prompt.say(
        `  There is no interface ${name} that is up: write one of ${choices.map((one) => one.name).join(', ')}.`,
      );
    }
  } finally {
    clearInterval(timer);
    for (const { hearing } of choices) hearing?.close();
  }
}

function openChoice(name: string): Choice {
  try {
    return { name, hearing: listenOn(name, { promiscuous: false, ipv6: true }, ownMacs()), obstacle: null };
  } catch (error) {
    return { name, hearing: null, obstacle: error instanceof Error ? error.message : String(error) };
  }
}
