// The sandbox's page: the failed check-ins it received, newest first.
import type { FailedCheckin } from './store.js';

const SHOWN = 500;

export function failedCheckinsPage(failedCheckins: FailedCheckin[]): string {
  const columns = [
    'Received',
    'Attempt (UTC)',
    'Local',
    'Business',
    'MAC',
    'Description',
    'Coworker',
    'Plan',
    'Teams',
    'Id',
  ];
  const rows = failedCheckins
    .slice(-SHOWN)
    .reverse()
    .map((one) => [
      one.CreatedOn,
      one.CheckinAttemptTime,
      one.CheckinAttemptTimeLocal,
      one.BusinessId,
      one.MacAddresses,
      one.Description,
      one.CoworkerId,
      one.TariffAtTheTimeOfCheckin,
      one.TeamsAtTheTimeOfCheckin,
      one.Id,
    ]);
  const cells = (tag: string, texts: unknown[]) =>
    texts.map((text) => `<${tag}>${escaped(String(text ?? ''))}</${tag}>`).join('');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<title>Nexudus sandbox</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }
  table { border-collapse: collapse }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere }
</style>
<h1>Nexudus sandbox</h1>
<p>${failedCheckins.length} failed check-ins received${failedCheckins.length > SHOWN ? `; the latest ${SHOWN} are shown` : ''}.</p>
<table>
<thead><tr>${cells('th', columns)}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}
</tbody>
</table>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
