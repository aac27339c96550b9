--[[
  Says what became of a visit. The first settlement stays, but any other replaces l (labelled). The value is described in sight.lua.

  Input:
    KEYS[1]  the device's key
    ARGV[1]  start of the visit, ms since the epoch
    ARGV[2]  settlement: r (reported), s (spaced), k (recognised), i (ignored) or l (labelled)

  Output: 1 when the visit was there, 0 when it was not (cleaned up meanwhile)
]]
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local wanted, found = tonumber(ARGV[1]), 0
local reported = string.match(value, '^(%d*)|') or ''

local parts = {}
for start, from, to, settlement in string.gmatch(value, '|(%d+):(%d+):(%d+):(%a?)') do
  -- Not only the equal start: the visit may have been joined to an earlier one since.
  if found == 0 and wanted >= math.min(tonumber(start), tonumber(from)) and wanted <= tonumber(to) then
    found = 1
    if settlement == '' or settlement == 'l' then settlement = ARGV[2] end
    if ARGV[2] == 'r' and (reported == '' or tonumber(start) > tonumber(reported)) then reported = start end
  end
  parts[#parts + 1] = table.concat({ start, from, to, settlement }, ':')
end
redis.call('SET', KEYS[1], reported .. '|' .. table.concat(parts, '|'), 'KEEPTTL')
return found
