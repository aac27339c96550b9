// A process of its own for the benchmark: node read-frames.js nothing|decode FILE. Reads a capture as a replay does, and no more.
import { readCaptureFile } from '../../src/capture/capture-file.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';

const [, , what, path = ''] = process.argv;
const [sighting, announcement] = [new Sighting(), new Announcement()];
let sightings = 0;
const end = await readCaptureFile(path, { ipv6: true }, (frame, length, _atMs, linkType) => {
  if (what === 'decode' && decodeFrame(frame, length, linkType, sighting, announcement) === 'sighting') sightings++;
});
console.log(JSON.stringify({ ...end, sightings }));
