// `wifi-monitor replay`: sends capture files through the same pipeline as live frames, for debugging.
import { once } from 'node:events';
import type { MacAddress } from '../../addresses/mac-address.js';
import { type Config, ConfigError } from '../../config/config.js';
import { withRules } from '../../config/ignore-rules.js';
import { pipelineSettings } from '../../config/pipeline-settings.js';
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
  /** Shows only visits with this decision. The summary counts all. */
  readonly only: DecisionKind | undefined;
  /** Leaves out frames outside this time. */
  readonly window: TimeWindow;
  /** Prints the story of this device in place of the table. */
  readonly explain: MacAddress | undefined;
}

const LINES_A_WRITE = 100;

/** The start of a visit, as in its id. */
function startOf({ startMs, visit }: VisitRecord): number {
  return startMs ?? visit.firstMs;
}

/** Returns the visits in order. Records of the same visit, from several files, become one. */
function inOrder(records: VisitRecord[]): VisitRecord[] {
  records.sort((a, b) => startOf(a) - startOf(b) || a.visit.mac - b.visit.mac);
  let latest: VisitRecord | undefined;
  return records.filter((record) => {
    if (latest === undefined || latest.visit.mac !== record.visit.mac || startOf(latest) !== startOf(record)) {
      latest = record;
      return true;
    }
    latest.visit.sightings += record.visit.sightings;
    latest.visit.keepAlives += record.visit.keepAlives;
    latest.visit.lastSightingMs = Math.max(latest.visit.lastSightingMs, record.visit.lastSightingMs);
    latest.visit.lastMs = Math.max(latest.visit.lastMs, record.visit.lastMs);
    return false;
  });
}

/**
 * Returns the settings with the options.
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
  const pipeline = runPipeline(pipelineSettings(config), {
    source: files,
    time: { kind: 'replay' },
    directory: rules.directory,
    equipment: rules.equipment,
    register,
    outbox: posting?.outbox ?? null,
    listeners: new Listeners({ onEnded: (record) => finished.push(record) }, ...(story === null ? [] : [story])),
  });
  await pipeline.finished;
  // This frees memory for printing.
  await register.close();
  bar?.clear();
  const posted = (await posting?.deliverAll()) ?? { posted: 0, found: 0, problems: [] };

  const records = inOrder(finished).map((record) => decidedAgain(record, rules));
  const summary = summaryOf(files, pipeline.counts, records, posted.posted, began);
  const note = !options.post ? '' : willPost ? postedNote(posted) : ' DRY_RUN: nothing was posted.';
  await print(records, summary, story, { ...options, posted: willPost, note });
  const problems = [...files.problems, ...posted.problems];
  for (const problem of problems) process.stderr.write(`wifi-monitor: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function postedNote({ posted, found }: { posted: number; found: number }): string {
  const already = found === 0 ? '' : `, ${countWords(found, 'was', 'were')} there already`;
  return ` ${countWords(posted, 'failed check-in')} posted${already}.`;
}

async function print(
  records: readonly VisitRecord[],
  summary: ReplaySummary,
  story: Story | null,
  { json, only, posted, note }: ReplayOptions & { readonly posted: boolean; readonly note: string },
): Promise<void> {
  const shown = records.filter(({ decision }) => only === undefined || decision?.kind === only);
  if (json) await printJson(shown, summary);
  else if (story !== null) process.stdout.write(`${story.text(records, posted)}\n`);
  else process.stdout.write(`${replayTable(shown.map(visitJson), summary, note, terminalOf(process.stdout))}\n`);
}

/** Each write has many lines, but they are never all in memory. */
async function printJson(records: readonly VisitRecord[], summary: ReplaySummary): Promise<void> {
  for (let at = 0; at < records.length; at += LINES_A_WRITE) {
    const lines = records.slice(at, at + LINES_A_WRITE).map((record) => `${JSON.stringify(visitJson(record))}\n`);
    if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain');
  }
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

/**
 * Decides again about a reported device, as delivery does before posting. If the rest of the capture shows that it is equipment,
 * nothing is posted.
 */
function decidedAgain(record: VisitRecord, rules: DecisionRules): VisitRecord {
  const { visit, startMs, settlement } = record;
  if (settlement !== 'reported') return record;
  const { mac, hostname } = visit;
  const decision = decideAgain({ mac, hostname }, rules, 'proven');
  return decision.kind === 'unrecognised' ? record : { visit, startMs, settlement, decision, report: null };
}
