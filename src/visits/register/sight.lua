--[[
  Registers sightings of a device and returns the visit that they belong to.

  The value is text: "<start of the latest reported visit or empty>|<visit>|<visit>...", each visit "<start>:<first>:<last>:<settlement>".
  start is part of the visit's id and never changes. first is earlier than start when an earlier sighting arrived late.
  Visits are kept in the order of time. settlement is empty, or one of r (reported), s (spaced), k (recognised), i (ignored),
  l (labelled).

  Input:
    KEYS[1]  the device's key
    ARGV[1]  first sighting, ms since the epoch (event time)
    ARGV[2]  last sighting, ms since the epoch (event time)
    ARGV[3]  gap, ms: a silence longer than this ends a visit
    ARGV[4]  retention, ms: the key's time to live, and an earlier visit that ended longer ago is not kept
    ARGV[5]  how many visits are kept at most

  Output: { start, settlement or "", start of the latest reported visit or "" }, all text; then 1 when the visit lies before
  as many others as are kept, so that what was known of it may have been dropped, else 0
]]
local first, last, gap, retention = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local value = redis.call('GET', KEYS[1]) or ''
local reported = string.match(value, '^(%d*)|') or ''

local kept, mine, placed = {}, nil, false
local function place()
  if not placed then kept[#kept + 1] = mine; placed = true end
end
for start, from, to, settlement in string.gmatch(value, '|(%d+):(%d+):(%d+):(%a?)') do
  local visit = { start = start, from = tonumber(from), to = tonumber(to), settlement = settlement }
  if first <= visit.to + gap and last >= visit.from - gap then
    -- The sightings belong to this visit. The earliest such visit gives the id. The first settlement stays, but any other replaces l.
    if not mine then
      mine = visit
    elseif mine.settlement == '' or (mine.settlement == 'l' and visit.settlement ~= '') then
      mine.settlement = visit.settlement
    end
    mine.from, mine.to = math.min(mine.from, visit.from), math.max(mine.to, visit.to)
  else
    if mine or visit.from > last then
      if not mine then mine = { start = string.format('%.0f', first), from = first, to = last, settlement = '' } end
      place()
    end
    if visit.to >= last - retention then kept[#kept + 1] = visit end
  end
end
if not mine then mine = { start = string.format('%.0f', first), from = first, to = last, settlement = '' } end
mine.from, mine.to = math.min(mine.from, first), math.max(mine.to, last)
place()

-- A report that is older than the retention changes nothing any more (REPORT_AGAIN_AFTER is not longer), unless its visit goes on.
if reported ~= '' and reported ~= mine.start and tonumber(reported) < last - retention then reported = '' end

local most = tonumber(ARGV[5])
local parts, older = { reported }, 0
for index = 1, #kept do
  local visit = kept[index]
  if visit == mine and #kept - index >= most then older = 1 end
  if #kept - index < most or visit == mine then
    parts[#parts + 1] = string.format('%s:%.0f:%.0f:%s', visit.start, visit.from, visit.to, visit.settlement)
  end
end
redis.call('SET', KEYS[1], table.concat(parts, '|'), 'PX', ARGV[4])
return { mine.start, mine.settlement, reported, older }
