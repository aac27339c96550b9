--[[
  Settles a visit. The first settlement stays, but any other replaces l (labelled). sight.lua describes the value.

  Input:
    KEYS[1]  the device's key
    ARGV[1]  start of the visit, ms since the epoch
    ARGV[2]  settlement: r (reported), s (spaced), k (recognised), i (ignored) or l (labelled)

  Output: 1 when there is such a visit, 0 when there is none (any more)
]]
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local wanted, found = tonumber(ARGV[1]), 0
local reported = string.match(value, '^(%d*)|') or ''

local parts = {}
for start, from, to, settlement in string.gmatch(value, '|(%d+):(%d+):(%d+):(%a?)') do
  -- The start may differ, because the visit may have been joined to an earlier one.
  if found == 0 and wanted >= math.min(tonumber(start), tonumber(from)) and wanted <= tonumber(to) then
    found = 1
    if settlement == '' or settlement == 'l' then settlement = ARGV[2] end
    if ARGV[2] == 'r' and (reported == '' or tonumber(start) > tonumber(reported)) then reported = start end
  end
  parts[#parts + 1] = table.concat({ start, from, to, settlement }, ':')
end
redis.call('SET', KEYS[1], reported .. '|' .. table.concat(parts, '|'), 'KEEPTTL')
return found
