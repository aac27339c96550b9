// What docker/observability gives to Prometheus and Grafana: each alert fires when it should, and every metric named is one that the monitor tells.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { run } from '../run-process.js';
import { TrialSensor } from '../trial-sensor.js';

const observability = new URL('../../docker/observability/', import.meta.url).pathname;
const tests = new URL('alerts.yaml', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'nwm-alerts-'));
afterAll(() => rmSync(directory, { recursive: true }));

const rule = z.looseObject({ alert: z.string(), expr: z.string() });
const rulesFile = z.object({ groups: z.array(z.looseObject({ rules: z.array(rule) })) });
const testFile = z.looseObject({
  tests: z.array(
    z.looseObject({
      alert_rule_test: z.array(z.looseObject({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});
const dashboard = z.looseObject({
  panels: z.array(z.looseObject({ title: z.string(), targets: z.array(z.looseObject({ expr: z.string() })) })),
});

const rules = rulesFile
  .parse(parse(readFileSync(join(observability, 'alerts.yaml'), 'utf8')))
  .groups.flatMap((group) => group.rules);
const shown = dashboard
  .parse(JSON.parse(readFileSync(join(observability, 'dashboards/wifi-monitor.json'), 'utf8')))
  .panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

test('promtool takes the configuration and its rules, and each alert fires and stays silent when it should', async () => {
  await run('promtool', ['check', 'config', join(observability, 'prometheus.yaml')]);
  await run('promtool', ['test', 'rules', tests]);
});

test('a rule that is changed fails the tests', async () => {
  const text = readFileSync(join(observability, 'alerts.yaml'), 'utf8');
  writeFileSync(join(directory, 'alerts.yaml'), text.replace('> 1800', '> 9000'));
  writeFileSync(
    join(directory, 'tests.yaml'),
    readFileSync(tests, 'utf8').replace('../../docker/observability/alerts.yaml', 'alerts.yaml'),
  );
  await expect(run('promtool', ['test', 'rules', join(directory, 'tests.yaml')])).rejects.toThrow(
    /WifiMonitorNothingDelivered/,
  );
});

test('every alert is tried when it fires and when it does not, and stands in the README', () => {
  const tried = testFile.parse(parse(readFileSync(tests, 'utf8'))).tests.flatMap((one) => one.alert_rule_test);
  const readme = readFileSync(join(observability, 'README.md'), 'utf8');
  for (const { alert } of rules) {
    const ofAlert = tried.filter(({ alertname }) => alertname === alert);
    expect(
      ofAlert.some(({ exp_alerts }) => exp_alerts.length > 0),
      alert,
    ).toBe(true);
    expect(
      ofAlert.some(({ exp_alerts }) => exp_alerts.length === 0),
      alert,
    ).toBe(true);
    expect(readme).toContain(`| \`${alert}\` |`);
  }
});

test('what the dashboard asks for is valid PromQL', async () => {
  const asRules = shown.map((expr, index) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll('$instance', '.*'),
  }));
  const path = join(directory, 'dashboard.yaml');
  writeFileSync(path, stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
  expect(await run('promtool', ['check', 'rules', path])).toContain(`${shown.length} rules found`);
});

test('every metric that rules and dashboard name is one that the monitor tells', async () => {
  const sensor = await TrialSensor.start();
  try {
    const told = await (await fetch(new URL('metrics', sensor.url))).text();
    const names = new Set([...told.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name));
    // The time was told with the first answer.
    expect(told).toMatch(/^wifi_monitor_clock_skew_seconds -?\d/m);
    expect(told).toMatch(/^wifi_monitor_posts_per_day 1000000$/m);
    expect(told).toMatch(/^wifi_monitor_degraded 0$/m);
    sensor.interface.isSilent = true;
    const deaf = await (await fetch(new URL('metrics', sensor.url))).text();
    expect(deaf).toMatch(/^wifi_monitor_silent\{interface="eth0"\} 1$/m);
    expect(deaf).toMatch(/^wifi_monitor_degraded 1$/m);
    const asked = [...rules.map(({ expr }) => expr), ...shown].flatMap((expr) => [
      ...expr.matchAll(/\b(?:wifi_monitor|process|nodejs)_\w+/g),
    ]);
    expect(asked.length).toBeGreaterThan(20);
    for (const [name] of asked) expect(names, name).toContain(name.replace(/_bucket$/, ''));
  } finally {
    await sensor.close();
  }
});
