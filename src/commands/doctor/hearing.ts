// What can be heard on an interface: how many devices, and whether only what they send to everybody. For `doctor --watch` and `setup`.
import { type MacAddress, readMac } from '../../addresses/mac-address.js';
import { captureLive, type LiveCaptureOptions } from '../../capture/live-interface.js';
import { captureKeepAlives } from '../../capture/live-keep-alives.js';
import { decodeFrame } from '../../decode/frame.js';
import { isToGroup } from '../../decode/keep-alive.js';
import { Announcement, Sighting } from '../../decode/sighting.js';

/** Against an attack with addresses that are made up: further devices are not counted. */
const MAX_DEVICES = 10_000;

/** Devices by what was heard of them. This machine is none of them. */
export interface Heard {
  /** Frames that may hold a sighting, and keep-alives. */
  frames: number;
  /** Sighted by ARP, DHCP or neighbour discovery, or heard by other broadcasts or multicast. */
  readonly devices: Set<MacAddress>;
  /** Those that were sighted in a frame to a single address that is not this machine's. */
  readonly toOthers: Set<MacAddress>;
  /** The same, to this machine's address. */
  readonly toUs: Set<MacAddress>;
}

export interface Hearing {
  readonly heard: Heard;
  close(): void;
}

/**
 * Listens on an interface until `close`.
 * @throws CaptureError when the interface cannot be captured on
 */
export function listenOn(name: string, options: LiveCaptureOptions, own: ReadonlySet<MacAddress>): Hearing {
  const heard: Heard = { frames: 0, devices: new Set(), toOthers: new Set(), toUs: new Set() };
  const note = (devices: Set<MacAddress>, mac: MacAddress) => {
    if (devices.size < MAX_DEVICES) devices.add(mac);
  };
  const sighting = new Sighting();
  const announcement = new Announcement();
  const frames = captureLive(name, options, (frame, length, _atMs, linkType) => {
    if (decodeFrame(frame, length, linkType, sighting, announcement) !== 'sighting' || own.has(sighting.mac)) return;
    heard.frames++;
    note(heard.devices, sighting.mac);
    if (linkType !== 'ethernet' || isToGroup(frame, length, linkType)) return;
    note(own.has(readMac(frame, 0)) ? heard.toUs : heard.toOthers, sighting.mac);
  });
  const keepAlives = captureKeepAlives(name, frames.linkType, options, (mac) => {
    if (own.has(mac)) return;
    heard.frames++;
    note(heard.devices, mac);
  });
  return {
    heard,
    close() {
      frames.close();
      keepAlives?.close();
    },
  };
}
