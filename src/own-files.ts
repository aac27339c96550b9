// Files of this package that are not code: Lua scripts, the status page. They lie beside the code, in src as in dist.

/** `path` from the folder src, as in `visits/register/sight.lua`. This module must stay at that folder's top, also when it is bundled. */
export function ownFile(path: string): URL {
  return new URL(path, import.meta.url);
}
