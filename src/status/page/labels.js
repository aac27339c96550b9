// Asks the monitor to label devices, or to remove their labels.

/** Resolves to what went wrong, in words, or to null; `notice` is what the monitor says about keeping labels. `label` null: undo. */
export async function setLabel(mac, label) {
  try {
    const answer = await fetch(`/api/labels/${mac}`, {
      method: label === null ? 'DELETE' : 'PUT',
      ...(label === null ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(label) }),
    });
    if (answer.status === 401) {
      location.assign('/login');
      return { problem: 'Sign in again.', notice: null };
    }
    const { error, notice } = await answer.json();
    // Somebody else may have removed the label already.
    if (answer.ok || (label === null && answer.status === 404)) return { problem: null, notice: notice ?? null };
    return { problem: `That did not work: ${error}.`, notice: null };
  } catch {
    return { problem: 'That did not work: the monitor does not answer.', notice: null };
  }
}
