// How far a file that is open in this process was read. libpcap does not say it, but Linux does (proc(5), fdinfo).
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

/** Returns a function that returns the position in bytes; null where it is not known. */
export function readPosition(path: string): () => number | null {
  const descriptor = descriptorOf(path);
  return () => {
    if (descriptor === null) return null;
    try {
      const position = /^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
      return position === undefined ? null : Number(position);
    } catch {
      return null;
    }
  };
}

function descriptorOf(path: string): string | null {
  try {
    const target = realpathSync(path);
    return readdirSync('/proc/self/fd').find((descriptor) => linkOf(descriptor) === target) ?? null;
  } catch {
    return null;
  }
}

function linkOf(descriptor: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // The descriptor of the listing itself is closed by now.
    return null;
  }
}
