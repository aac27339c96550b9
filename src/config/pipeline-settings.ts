// The settings of the pipeline, the same for a sensor and a replay.
import type { PipelineSettings } from '../pipeline/pipeline.js';
import type { Config } from './config.js';

export function pipelineSettings(config: Config): PipelineSettings {
  const { keepAlives, ignore, reportInactive, hintOwners, timeZone } = config;
  return {
    businessId: config.businessId ?? 0,
    gapMs: config.visitGapMs,
    settleMs: config.settleTimeMs,
    reportAgainAfterMs: config.reportAgainAfterMs,
    keepAlives,
    ignore,
    reportInactive,
    hintOwners,
    timeZone,
  };
}
