// One line of `wifi-monitor doctor`.

export interface Finding {
  readonly health: 'ok' | 'note' | 'FAIL';
  readonly about: string;
  readonly text: string;
}

export const ok = (about: string, text: string): Finding => ({ health: 'ok', about, text });
export const note = (about: string, text: string): Finding => ({ health: 'note', about, text });
export const fail = (about: string, text: string): Finding => ({ health: 'FAIL', about, text });
