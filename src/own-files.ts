// Finds files of this package that are not code: Lua scripts, the status page. They are beside the code, in src and in dist.

/**
 * `path` is relative to the folder src: `visits/register/sight.lua`. This module must stay at the top of that folder, also when it is
 * bundled.
 */
export function ownFile(path: string): URL {
  return new URL(path, import.meta.url);
}
