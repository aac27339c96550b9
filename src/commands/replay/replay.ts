// `wifi-monitor replay`: capture files through the same pipeline as live frames, for debugging.
import { once } from 'node:events';
import type { MacAddress } from '../../addresses/mac-address.js';
import { type Config, ConfigError } from '../../config/config.js';
import { withRules } from '../../config/ignore-rules.js';
import { readConfig } from '../../config/read.js';
import { type DecisionKind, type DecisionRules, decideAgain } from '../../devices/decision.js';
import { Directory } from '../../devices/directory/directory.js';
import { Equipment } from '../../devices/equipment.js';
import { NO_IGNORE_RULES } from '../../devices/ignore-rules.js';
import { Listeners } from '../../pipeline/listeners.js';
import { runPipeline } from '../../pipeline/pipeline.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { countWords } from '../../presenters/count-words.js';
import { terminalOf } from '../../presenters/terminal.js';
import { visitJson } from '../../presenters/visit-json.js';
import { MemoryVisitRegister } from '../../visits/register/memory-visit-register.js';
import { CaptureFiles, expand, inTimeOrder, type TimeWindow } from './capture-files.js';
import { ProgressBar } from './progress-bar.js';
import { Story } from './story.js';
import { type ReplaySummary, summaryOf } from './summary.js';
import { replayTable } from './visit-table.js';

export interface ReplayOptions {
  readonly json: boolean;
  readonly post: boolean;
  readonly known: string | undefined;
  readonly ignore: readonly string[];
  /** Shows only visits with this decision; the summary counts all. */
  readonly only: DecisionKind | undefined;
  /** Leaves out frames outside this time. */
  readonly window: TimeWindow;
  /** Tells the story of this device instead of the table. */
  readonly explain: MacAddress | undefined;
}

const LINES_A_WRITE = 100;

/** What a visit began with, as its id has it. */
function startOf({ startMs, visit }: VisitRecord): number {
  return startMs ?? visit.firstMs;
}

/** The visits in order. Recordings of one visit, from several sensors or in several files, are one. */
function inOrder(reports: VisitRecord[]): VisitRecord[] {
  reports.sort((a, b) => startOf(a) - startOf(b) || a.visit.mac - b.visit.mac);
  let latest: VisitRecord | undefined;
  return reports.filter((report) => {
    if (latest === undefined || latest.visit.mac !== report.visit.mac || startOf(latest) !== startOf(report)) {
      latest = report;
      return true;
    }
    latest.visit.sightings += report.visit.sightings;
    latest.visit.keepAlives += report.visit.keepAlives;
    latest.visit.lastSightingMs = Math.max(latest.visit.lastSightingMs, report.visit.lastSightingMs);
    latest.visit.lastMs = Math.max(latest.visit.lastMs, report.visit.lastMs);
    return false;
  });
}

/**
 * The settings, with what the options add to them.
 * @throws ConfigError naming every problem of both at once
 */
function settings(options: ReplayOptions): Config {
  const environment = options.known === undefined ? process.env : { ...process.env, KNOWN_DEVICES_FILE: options.known };
  let config: Config | null = null;
  const problems: string[] = [];
  try {
    config = readConfig(environment, { nexudus: options.post });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const inOptions = (problem: string) =>
      options.known === undefined ? problem : problem.replace(/^KNOWN_DEVICES_FILE:/, '--known:');
    problems.push(...error.problems.map(inOptions));
  }
  const ignore = withRules(config?.ignore ?? NO_IGNORE_RULES, options.ignore);
  problems.push(...ignore.problems.map((problem) => `--ignore: ${problem}`));
  if (config === null || problems.length > 0) throw new ConfigError(problems);
  return { ...config, ignore: ignore.rules };
}

/**
 * Replays `paths` and prints the visits. Returns the exit code: 0, or 1 when a file could not be read to its end or a
 * failed check-in could not be posted.
 * @throws ConfigError
 */
export async function replay(paths: readonly string[], options: ReplayOptions): Promise<number> {
  const began = performance.now();
  const config = settings(options);
  const businessId = config.businessId ?? 0;
  const rules: DecisionRules & { directory: Directory } = {
    ignore: config.ignore,
    equipment: new Equipment([], { learn: config.learnEquipment }),
    directory: new Directory(config.knownDevices),
    reportInactive: config.reportInactive,
  };
  const willPost = options.post && !config.dryRun;
  const posting = willPost ? await (await import('./posting.js')).preparePosting(config, rules) : null;
  rules.directory.loaded = true;

  const bar = process.stderr.isTTY && !options.json ? new ProgressBar(process.stderr) : null;
  const files = new CaptureFiles(inTimeOrder(expand(paths)), {
    ipv6: config.ipv6,
    window: options.window,
    onProgress: bar === null ? null : (read, total) => bar.show(read, total),
  });
  const finished: VisitRecord[] = [];
  const story = options.explain === undefined ? null : new Story(options.explain);
  const register = new MemoryVisitRegister(config.visitGapMs, config.retentionMs);
  const pipeline = runPipeline(
    {
      businessId,
      gapMs: config.visitGapMs,
      settleMs: config.settleTimeMs,
      reportAgainAfterMs: config.reportAgainAfterMs,
      keepAlives: config.keepAlives,
      ignore: rules.ignore,
      reportInactive: rules.reportInactive,
      hintOwners: config.hintOwners,
      timeZone: config.timeZone,
    },
    {
      source: files,
      time: { kind: 'replay' },
      directory: rules.directory,
      equipment: rules.equipment,
      register,
      outbox: posting?.outbox ?? null,
      listeners: new Listeners({ onEnded: (record) => finished.push(record) }, ...(story === null ? [] : [story])),
    },
  );
  await pipeline.finished;
  // Room for what is printed.
  await register.close();
  bar?.clear();
  const posted = (await posting?.deliverAll()) ?? { posted: 0, found: 0, problems: [] };

  const reports = inOrder(finished).map((report) => askedAgain(report, rules));
  const summary = summaryOf(files, pipeline.counts, reports, posted.posted, began);
  const note = !options.post ? '' : willPost ? postedNote(posted) : ' DRY_RUN: nothing was posted.';
  await print(reports, summary, story, { ...options, posted: willPost, note });
  const problems = [...files.problems, ...posted.problems];
  for (const problem of problems) process.stderr.write(`wifi-monitor: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function postedNote({ posted, found }: { posted: number; found: number }): string {
  const already = found === 0 ? '' : `, ${countWords(found, 'was', 'were')} there already`;
  return ` ${countWords(posted, 'failed check-in')} posted${already}.`;
}

async function print(
  reports: readonly VisitRecord[],
  summary: ReplaySummary,
  story: Story | null,
  { json, only, posted, note }: ReplayOptions & { readonly posted: boolean; readonly note: string },
): Promise<void> {
  const shown = reports.filter(({ decision }) => only === undefined || decision?.kind === only);
  if (json) await printJson(shown, summary);
  else if (story !== null) process.stdout.write(`${story.told(reports, posted)}\n`);
  else process.stdout.write(`${replayTable(shown.map(visitJson), summary, note, terminalOf(process.stdout))}\n`);
}

/** Many lines with each write, but never all of them in memory. */
async function printJson(reports: readonly VisitRecord[], summary: ReplaySummary): Promise<void> {
  for (let at = 0; at < reports.length; at += LINES_A_WRITE) {
    const lines = reports.slice(at, at + LINES_A_WRITE).map((report) => `${JSON.stringify(visitJson(report))}\n`);
    if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain');
  }
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

/**
 * Asks once more who a reported device is, as delivery does just before posting: what the capture told later (this was the
 * router) keeps a check-in back.
 */
function askedAgain(report: VisitRecord, rules: DecisionRules): VisitRecord {
  const { visit, startMs, settlement } = report;
  if (settlement !== 'reported') return report;
  const { mac, hostname } = visit;
  const decision = decideAgain({ mac, hostname }, rules, 'proven');
  return decision.kind === 'unrecognised' ? report : { visit, startMs, settlement, decision, report: null };
}
