// Whether far more unregistered devices arrive than is usual for the place: somebody may be making addresses up.
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';

const PERIOD_MS = 600_000;
/** What is usual is what was seen within a week. */
const MAX_PERIODS = 1_008;
/** So many times the busiest period of the week is far more than usual ... */
const FAR_ABOVE = 4;
/** ... but a place that has been quiet until now may have so many. */
const MIN_UNUSUAL = 100;

interface Period {
  /** Periods since the start of steady time. */
  readonly number: number;
  arrived: number;
}

/** Counts the devices that this sensor reports, in periods of ten minutes. In memory: after a start nothing is known to be usual. */
export class ArrivalRate implements PipelineListener {
  /** The oldest first. Only those with an arrival, and without those that were unusual: an attack must not become usual. */
  private readonly usual: Period[] = [];
  private current: Period = { number: 0, arrived: 0 };
  private previous: Period = { number: 0, arrived: 0 };

  /** `steadyMs` never goes back. */
  constructor(private readonly steadyMs: () => number = () => performance.now()) {}

  onDecision({ settlement, report }: Pick<VisitRecord, 'settlement' | 'report'>): void {
    if (settlement !== 'reported' || report === null) return;
    this.turn();
    this.current.arrived++;
  }

  /** How many arrived in the period that is unusual, this one or the one before; null while nothing is unusual. */
  unusual(): number | null {
    this.turn();
    const arrived = Math.max(this.current.arrived, this.previous.arrived);
    return arrived > this.bound() ? arrived : null;
  }

  private bound(): number {
    return Math.max(MIN_UNUSUAL, FAR_ABOVE * Math.max(0, ...this.usual.map((period) => period.arrived)));
  }

  /** Begins a new period when it is time. */
  private turn(): void {
    const number = Math.floor(this.steadyMs() / PERIOD_MS);
    if (number === this.current.number) return;
    const { previous, usual } = this;
    if (previous.arrived > 0 && previous.arrived <= this.bound()) usual.push(previous);
    while (usual[0] !== undefined && usual[0].number < number - MAX_PERIODS) usual.shift();
    this.previous = this.current.number === number - 1 ? this.current : { number: number - 1, arrived: 0 };
    if (this.previous !== this.current && this.current.arrived > 0 && this.current.arrived <= this.bound()) {
      usual.push(this.current);
    }
    this.current = { number, arrived: 0 };
  }
}
