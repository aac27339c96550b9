// `wifi-monitor replay`: capture files through the same pipeline as live frames, for debugging.
import { readCaptureFile } from '../capture/capture-file.js';
import type { FrameHandler, FrameSource } from '../capture/frame-source.js';
import { type Config, ConfigError, readConfig } from '../config.js';
import { type DecisionRules, decide } from '../devices/decision.js';
import { Directory } from '../devices/directory.js';
import { withRules } from '../devices/ignore-rules.js';
import { Infrastructure } from '../devices/infrastructure.js';
import { runMonitor, type VisitReport } from '../monitor.js';
import { visitJson } from '../status/visit-json.js';
import { MemoryVisitRegister } from '../visits/memory-visit-register.js';
import { visitId } from '../visits/visit-register.js';
import { replayTable } from './replay-table.js';

export interface ReplayOptions {
  readonly json: boolean;
  readonly post: boolean;
  readonly known: string | undefined;
  readonly ignore: readonly string[];
}

export interface ReplaySummary {
  readonly type: 'summary';
  readonly files: readonly string[];
  readonly frames: number;
  readonly sightings: number;
  readonly malformed: number;
  /** Number of malformed frames by reason; left out when there are none. */
  readonly malformedBy?: Readonly<Record<string, number>>;
  readonly visits: number;
  readonly unrecognised: number;
  readonly recognised: number;
  readonly ignored: number;
  readonly posted: number;
  readonly complete: boolean;
  readonly seconds: number;
}

/** The capture files, one after the other. What is wrong with one is remembered, and the next is read. */
class CaptureFiles implements FrameSource {
  readonly problems: string[] = [];

  constructor(
    private readonly paths: readonly string[],
    private readonly ipv6: boolean,
  ) {}

  async run(onFrame: FrameHandler): Promise<void> {
    for (const path of this.paths) {
      const end = await readCaptureFile(path, { ipv6: this.ipv6 }, onFrame);
      if (!end.complete) this.problems.push(end.reason);
    }
  }

  stop(): void {}
}

/** Reports by visit id. Two recordings of one visit, from two sensors or in two files, are one line. */
class FinishedVisits {
  private readonly reports = new Map<string, VisitReport>();

  constructor(private readonly businessId: number) {}

  add(report: VisitReport): void {
    const id = visitId(this.businessId, report.visit.mac, report.startMs ?? report.visit.firstMs);
    const earlier = this.reports.get(id);
    if (earlier !== undefined) {
      earlier.visit.sightings += report.visit.sightings;
      earlier.visit.lastMs = Math.max(earlier.visit.lastMs, report.visit.lastMs);
    } else this.reports.set(id, report);
  }

  inOrder(): VisitReport[] {
    const start = ({ startMs, visit }: VisitReport) => startMs ?? visit.firstMs;
    return [...this.reports.values()].sort((a, b) => start(a) - start(b) || a.visit.mac - b.visit.mac);
  }
}

function settings(options: ReplayOptions): Config {
  const environment = options.known === undefined ? process.env : { ...process.env, KNOWN_DEVICES_FILE: options.known };
  try {
    return readConfig(environment, { nexudus: options.post });
  } catch (error) {
    if (!(error instanceof ConfigError) || options.known === undefined) throw error;
    throw new ConfigError(error.problems.map((problem) => problem.replace(/^KNOWN_DEVICES_FILE:/, '--known:')));
  }
}

/**
 * Replays `paths` and prints the visits. Answers the exit code: 0, or 1 when a file could not be read to its end or a
 * failed check-in could not be posted.
 * @throws ConfigError
 */
export async function replay(paths: readonly string[], options: ReplayOptions): Promise<number> {
  const began = performance.now();
  const config = settings(options);
  const businessId = config.businessId ?? 0;
  const rules: DecisionRules & { directory: Directory } = {
    ignore: withRules(config.ignore, options.ignore),
    infrastructure: new Infrastructure(),
    directory: new Directory(config.knownDevices),
    reportInactive: config.reportInactive,
  };
  const files = new CaptureFiles(paths, config.ipv6);
  const finished = new FinishedVisits(businessId);
  const willPost = options.post && !config.dryRun;
  const posting = willPost ? await (await import('./replay-post.js')).preparePosting(config, rules) : null;
  rules.directory.loaded = true;

  const monitor = runMonitor(
    {
      businessId,
      gapMs: config.visitGapMs,
      settleMs: config.settleTimeMs,
      reportAgainAfterMs: config.reportAgainAfterMs,
      ignore: rules.ignore,
      reportInactive: rules.reportInactive,
      timeZone: config.timeZone,
    },
    {
      source: files,
      time: { kind: 'replay' },
      directory: rules.directory,
      infrastructure: rules.infrastructure,
      register: new MemoryVisitRegister(config.visitGapMs, config.retentionMs),
      outbox: posting?.outbox ?? { add: () => {} },
      listener: { onEnded: (report) => finished.add(report) },
    },
  );
  await monitor.finished;
  const posted = (await posting?.deliverAll()) ?? { posted: 0, problems: [] };
  const problems = [...files.problems, ...posted.problems];

  const reports = finished.inOrder();
  for (const report of reports) askAgain(report, rules);
  const count = (kind: string) => reports.filter(({ decision }) => decision?.kind === kind).length;
  const summary: ReplaySummary = {
    type: 'summary',
    files: paths,
    frames: monitor.counts.frames,
    sightings: monitor.counts.sightings,
    malformed: monitor.counts.malformed,
    ...(monitor.counts.malformed === 0 ? {} : { malformedBy: Object.fromEntries(monitor.counts.malformedBy) }),
    visits: reports.length,
    unrecognised: count('unrecognised'),
    recognised: count('recognised'),
    ignored: count('ignored'),
    posted: posted.posted,
    complete: files.problems.length === 0,
    seconds: Math.round(performance.now() - began) / 1_000,
  };
  if (options.json) {
    for (const report of reports) print(JSON.stringify(visitJson(report)));
    print(JSON.stringify(summary));
  } else print(replayTable(reports.map(visitJson), summary, process.stdout.columns ?? 120));
  for (const problem of problems) process.stderr.write(`wifi-monitor: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

/**
 * Asks once more who a reported device is, as delivery does just before posting: what the capture told later (this was the
 * router) keeps a check-in back.
 */
function askAgain(report: VisitReport, rules: DecisionRules): void {
  if (report.checkin === null) return;
  const { mac, hostname, ipv4s } = report.visit;
  const decision = decide({ mac, hostname, ipv4: ipv4s.at(-1) ?? 0 }, rules);
  if (decision.kind === 'unrecognised') return;
  report.decision = decision;
  report.checkin = null;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
