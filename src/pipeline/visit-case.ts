// The life of a visit in the pipeline, as a state machine without side effects. visit-cases.ts carries the actions out.
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
// `held` moves a visit from registering to waiting for the clock. When the clock is trusted, `news` follows.
//
// If `departed` comes while a visit is registering or waiting, the visit is over as soon as it is settled. `dropped` ends any state.
import type { Settlement } from '../visits/register/visit-register.js';

export type CaseState =
  /** The tracker has opened the visit. Its first burst has not gone quiet yet. */
  | { readonly kind: 'new' }
  /** The register or the outbox is working on it. `hasNews`: more news came meanwhile, so it is registered again afterwards. */
  | {
      readonly kind: 'registering';
      readonly settlement: Settlement | null;
      readonly hasNews: boolean;
      readonly hasDeparted: boolean;
    }
  /**
   * The visit is not settled, because no directory was ever loaded, the register or the outbox could not be reached, or the clock is
   * not trusted yet.
   */
  | {
      readonly kind: 'waiting';
      readonly waitsFor: 'directory' | 'retry' | 'clock';
      readonly settlement: Settlement | null;
      readonly hasDeparted: boolean;
    }
  /** What follows from the decision is done. The device is still here. */
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'over' };

export type CaseEvent =
  /** The visit must be registered: it has news, or it is tried again. */
  | { readonly kind: 'news' }
  /** The register has the visit. `settlement` is null when it cannot be settled yet (no directory). */
  | { readonly kind: 'registered'; readonly settlement: Settlement | null }
  /** The register or the outbox failed, or the visit must wait for another of the same device. */
  | { readonly kind: 'failed' }
  /** The clock is not trusted yet, so the visit is not registered. */
  | { readonly kind: 'held' }
  /** The tracker has ended the visit. */
  | { readonly kind: 'departed' }
  /** The visit is given up or forgotten. */
  | { readonly kind: 'dropped' };

/** What is to be done after an event. */
export type CaseAction = 'register' | 'retry-later' | 'close' | 'nothing';

export interface CaseStep {
  readonly state: CaseState;
  readonly action: CaseAction;
}

// Very many visits have these at the same time, so all share them.
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

/** Whether the visit may be given up when too many wait: its device has left, and it is not being registered. */
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
