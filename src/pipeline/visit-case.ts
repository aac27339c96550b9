// The life of a visit in the pipeline, as a state machine. Pure: visit-cases.ts does what it says.
//
//            news                    registered, settled
//   new ------------> registering ------------------------> settled ---- departed ---> over
//                      ^  ^   |  \                            |
//                 news |  |   |   \ registered, not settled   | news: register again
//        (still here)  |  |   |    \                          v
//                      |  |   |     `----> waiting for      registering
//                      |  |   | failed     the directory
//                      |  |   v                |
//                      |  `- waiting to retry  | news: the directory has come
//                      `-----------------------'
//
// `held` takes a visit from registering to waiting for the clock; news are repeated when it is trusted.
//
// `departed` is remembered while a visit is registering or waiting: it is over as soon as it is settled. `dropped` ends any state.
import type { Settlement } from '../visits/register/visit-register.js';

export type CaseState =
  /** The tracker has opened the visit; its first burst has not gone quiet yet. */
  | { readonly kind: 'new' }
  /** The register or the outbox is being asked. `hasNews`: more came meanwhile, so it is asked again afterwards. */
  | {
      readonly kind: 'registering';
      readonly settlement: Settlement | null;
      readonly hasNews: boolean;
      readonly hasDeparted: boolean;
    }
  /**
   * Not settled, and nobody works on it: no directory was ever loaded, the register or the outbox could not be reached, or nobody can
   * tell yet whether the clock is right.
   */
  | {
      readonly kind: 'waiting';
      readonly waitsFor: 'directory' | 'retry' | 'clock';
      readonly settlement: Settlement | null;
      readonly hasDeparted: boolean;
    }
  /** What follows from the decision is done; the device is still here. */
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'over' };

export type CaseEvent =
  /** The register must hear of the visit: of new facts, or once more after a failure or without a directory. */
  | { readonly kind: 'news' }
  /** The register has the visit. `settlement` is null when it cannot be settled yet (no directory). */
  | { readonly kind: 'registered'; readonly settlement: Settlement | null }
  /** The register or the outbox failed, or the visit must wait for another of the same device. */
  | { readonly kind: 'failed' }
  /** The times of the visit cannot be relied on yet, so the register is not asked. */
  | { readonly kind: 'held' }
  /** The tracker has ended the visit. */
  | { readonly kind: 'departed' }
  /** The visit is given up or forgotten. */
  | { readonly kind: 'dropped' };

/** What is to be done now that the event has come. */
export type CaseAction = 'register' | 'retry-later' | 'close' | 'nothing';

export interface CaseStep {
  readonly state: CaseState;
  readonly action: CaseAction;
}

// Of these there are very many at a time, so all visits share them.
export const NEW: CaseState = { kind: 'new' };
const OVER: CaseState = { kind: 'over' };
const SETTLED: Readonly<Record<Settlement, CaseState>> = {
  reported: { kind: 'settled', settlement: 'reported' },
  spaced: { kind: 'settled', settlement: 'spaced' },
  recognised: { kind: 'settled', settlement: 'recognised' },
  ignored: { kind: 'settled', settlement: 'ignored' },
  labelled: { kind: 'settled', settlement: 'labelled' },
};
const FIRST_REGISTERING: CaseStep = register(null, false);

export function step(state: CaseState, event: CaseEvent): CaseStep {
  if (state.kind === 'over') return stay(state);
  switch (event.kind) {
    case 'news':
      return onNews(state);
    case 'registered':
      return state.kind === 'registering'
        ? onRegistered(state.hasNews, state.hasDeparted, event.settlement)
        : stay(state);
    case 'failed':
      return onFailed(state);
    case 'held':
      return onHeld(state);
    case 'departed':
      return onDeparted(state);
    case 'dropped':
      return stay(OVER);
  }
}

/** Whether the visit still waits for something: the register, the outbox, the directory, or the clock. */
export function isUnsettled(state: CaseState): boolean {
  switch (state.kind) {
    case 'registering':
    case 'waiting':
      return true;
    case 'new':
    case 'settled':
    case 'over':
      return false;
  }
}

/** Whether the visit can be given up when too many wait: its device has left, and nobody works on it. */
export function isExpendable(state: CaseState): boolean {
  return state.kind === 'waiting' && state.hasDeparted;
}

type LiveState = Exclude<CaseState, { kind: 'over' }>;

function onNews(state: LiveState): CaseStep {
  switch (state.kind) {
    case 'registering':
      return stay({ ...state, hasNews: true });
    case 'new':
      return FIRST_REGISTERING;
    case 'waiting':
      return register(state.settlement, state.hasDeparted);
    case 'settled':
      return register(state.settlement, false);
  }
}

function onRegistered(hasNews: boolean, hasDeparted: boolean, settlement: Settlement | null): CaseStep {
  if (hasNews) return register(settlement, hasDeparted);
  if (settlement === null) return stay({ kind: 'waiting', waitsFor: 'directory', settlement, hasDeparted });
  return hasDeparted ? { state: OVER, action: 'close' } : stay(SETTLED[settlement]);
}

function onFailed(state: LiveState): CaseStep {
  switch (state.kind) {
    case 'registering':
    case 'waiting': {
      const { settlement, hasDeparted } = state;
      return { state: { kind: 'waiting', waitsFor: 'retry', settlement, hasDeparted }, action: 'retry-later' };
    }
    case 'new':
    case 'settled':
      return stay(state);
  }
}

function onHeld(state: LiveState): CaseStep {
  if (state.kind !== 'registering') return stay(state);
  const { settlement, hasDeparted } = state;
  return stay({ kind: 'waiting', waitsFor: 'clock', settlement, hasDeparted });
}

function onDeparted(state: LiveState): CaseStep {
  switch (state.kind) {
    case 'registering':
    case 'waiting':
      return stay({ ...state, hasDeparted: true });
    case 'new':
    case 'settled':
      return { state: OVER, action: 'close' };
  }
}

function register(settlement: Settlement | null, hasDeparted: boolean): CaseStep {
  return { state: { kind: 'registering', settlement, hasNews: false, hasDeparted }, action: 'register' };
}

function stay(state: CaseState): CaseStep {
  return { state, action: 'nothing' };
}
