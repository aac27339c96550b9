// What somebody at the page says of a device: equipment, known, or undo. One dialog for all rows; the browser keeps the focus in it and
// gives it back.
import { byId, setText } from './words.js';

const dialog = byId('label');
let device = null;

byId('label-equipment').addEventListener('click', () => send('PUT', { as: 'equipment' }));
byId('label-undo').addEventListener('click', () => send('DELETE'));
byId('label-cancel').addEventListener('click', () => dialog.close());
byId('label-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void send('PUT', { as: 'known', name: byId('label-known').value });
});

/** Asks what the device is. */
export function askForLabel(asked) {
  device = asked;
  const { label, mac, hostname } = device;
  setText(byId('label-name'), hostname ?? 'no name');
  setText(byId('label-mac'), mac);
  setText(byId('label-now'), nowWords(label));
  setText(byId('label-problem'), '');
  byId('label-known').value = label?.as === 'known' ? (label.name ?? '') : '';
  byId('label-undo').hidden = label === null;
  dialog.showModal();
}

function nowWords(label) {
  if (label === null) return 'Nobody has labelled it.';
  const name = label.name === null ? '' : ` (${label.name})`;
  return `It is labelled as ${label.as}${name}.`;
}

async function send(method, body) {
  const { mac } = device;
  const buttons = dialog.querySelectorAll('button');
  for (const button of buttons) button.disabled = true;
  setText(byId('label-problem'), '');
  try {
    const answer = await fetch(`/api/labels/${mac}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (answer.status === 401) return location.assign('/login');
    const { error, notice } = await answer.json();
    // Somebody else may have removed the label already.
    if (answer.ok || (method === 'DELETE' && answer.status === 404)) done(mac, body, notice ?? null);
    else setText(byId('label-problem'), `That did not work: ${error}.`);
  } catch {
    setText(byId('label-problem'), 'That did not work: the monitor does not answer.');
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function done(mac, body, notice) {
  const words = body === undefined ? `${mac} has no label any more.` : `${mac} is labelled as ${body.as}.`;
  setText(byId('label-done'), notice === null ? words : `${words} ${notice}`);
  for (const button of dialog.querySelectorAll('button')) button.disabled = false;
  dialog.close();
}
