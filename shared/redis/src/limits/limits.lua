-- Rates of one hash tag. The decisions are those of the engine's `limits::Window`; a test holds the two together.
--
-- KEYS  1 windows   2 the fleet: who holds which share   3 a reservation, where the call is about one
-- ARGV  1 what to do   2 the process, with an = before its name   3 numbers, packed   4.. the owners of the windows they are about
--
-- The numbers begin with five: when it was sent, by this clock (0: unknown); how late it may come; parts of 10,000 that processes
-- may hold together; how long anything is kept; how long a reservation is.
-- An owner is a field with four windows: requests, input tokens, output tokens, calls at once. A window is three numbers:
-- its last sub-span, the units in that, the units in the older ones; those stand in pairs in a field of their own, the
-- owner's name with # and the window's place. A process that was heard of a moment ago, while no recovery is under way, has a
-- field too: when that was, and its parts. Most calls touch no more than that.
-- Answers: status (0 wait, 1 done, 2 too late), this clock, milliseconds to wait, the process's parts, and the least that is left
-- of requests, input tokens, output tokens and calls at once; -1 where there is no limit.

local SUB_SPANS, MOST_UNITS = 64, 1e15
local STALE_MS, RENEW_MS, RECOVERY_RETRY_MS = 30000, 1000, 100
local LIVE, SETTLED, REFUNDED, NEVER = 0, 1, 2, 3
local FOUR, FIVE, TWELVE = '<dddd', '<ddddd', '<dddddddddddd'
-- Bytes before the windows in the numbers, and in a reservation, which begins with what became of it and its owners' count.
local OPENING, HEAD = 40, 56
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local ARGV, KEYS = ARGV, KEYS

local now = now_ms()
local what, me, numbers, owners = ARGV[1], ARGV[2], ARGV[3], #ARGV - 3
local sent, late_ms, pool, keep_ms, holds_ms = unpacked(FIVE, numbers)
local is_late = sent > 0 and now - sent > late_ms

-- What nearly every call is: nothing new in the fleet, every window at its last sub-span, room for all, not seen before. It stands
-- here with each window written out, since making functions and tables for it would take it a third longer.
while what == 'take' and not is_late do
  local heads = call('HMGET', KEYS[1], me, unpack(ARGV, 4))
  if not heads[1] then break end
  local seen, parts = unpacked('<dd', heads[1])
  if now - seen >= RENEW_MS or now < seen then break end
  local fits, fields, lasts, r1, r2, r3, r4 = true, {0, 0, 0, 0}, {0, 0}, -1, -1, -1, -1
  for o = 1, owners do
    if not heads[o + 1] then fits = false break end
    local l1, c1, o1, l2, c2, o2, l3, c3, o3, l4, c4, o4 = unpacked(TWELVE, heads[o + 1])
    local m1, s1, u1, m2, s2, u2, m3, s3, u3, m4, s4, u4 = unpacked(TWELVE, numbers, o * 96 - 55)
    if m1 >= 0 then
      m1, c1 = m1 - c1 - o1 - u1, c1 + u1
      if m1 < 0 or now < l1 * s1 or now >= (l1 + 1) * s1 then fits = false break end
      if r1 < 0 or m1 < r1 then r1 = m1 end
    end
    if m2 >= 0 then
      m2, c2 = m2 - c2 - o2 - u2, c2 + u2
      if m2 < 0 or now < l2 * s2 or now >= (l2 + 1) * s2 then fits = false break end
      if r2 < 0 or m2 < r2 then r2 = m2 end
    end
    if m3 >= 0 then
      m3, c3 = m3 - c3 - o3 - u3, c3 + u3
      if m3 < 0 or now < l3 * s3 or now >= (l3 + 1) * s3 then fits = false break end
      if r3 < 0 or m3 < r3 then r3 = m3 end
    end
    if m4 >= 0 then
      m4, c4 = m4 - c4 - o4 - u4, c4 + u4
      if m4 < 0 or now < l4 * s4 or now >= (l4 + 1) * s4 then fits = false break end
      if r4 < 0 or m4 < r4 then r4 = m4 end
    end
    fields[o * 2 - 1] = ARGV[3 + o]
    fields[o * 2] = pack(TWELVE, l1, c1, o1, l2, c2, o2, l3, c3, o3, l4, c4, o4)
    lasts[o] = pack(FOUR, l1, l2, l3, l4)
  end
  if not fits then break end
  local reservation = pack('<dd', LIVE, owners) .. numbers .. table.concat(lasts, '', 1, owners) .. table.concat(ARGV, '\n', 4)
  if not call('SET', KEYS[3], reservation, 'NX', 'PX', holds_ms) then break end
  call('HSET', KEYS[1], unpack(fields, 1, owners * 2))
  return {1, now, 0, parts, r1, r2, r3, r4}
end

local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local names = {}
for o = 1, owners do names[o] = ARGV[3 + o] end

-- Windows by number: the first owner's four, then the second's.
local sub_span, last, current, old, ring, moved = {}, {}, {}, {}, {}, {}

local function ring_field(i)
  return names[ceil(i / 4)] .. '#' .. (i - 1) % 4
end

local function ring_of(i)
  if not ring[i] then
    local text, read = call('HGET', KEYS[1], ring_field(i)), {}
    if text then
      for at = 1, #text, 16 do
        local number, units = unpacked('<dd', text, at)
        read[#read + 1] = {number, units}
      end
    end
    ring[i] = read
  end
  return ring[i]
end

local function open()
  local heads = call('HMGET', KEYS[1], unpack(names))
  for o = 1, #names do
    local window = heads[o] and {unpacked(TWELVE, heads[o])}
    for d = 1, 4 do
      local i = o * 4 - 4 + d
      if window then
        last[i], current[i], old[i] = window[d * 3 - 2], window[d * 3 - 1], window[d * 3]
      else
        last[i], current[i], old[i], ring[i] = 0, 0, 0, {}
      end
    end
  end
end

local function advance(i)
  local number = floor(now / sub_span[i])
  if last[i] > number then
    if last[i] - number <= SUB_SPANS then
      number = last[i]
    else
      current[i], old[i], ring[i], last[i], moved[i] = current[i] + old[i], 0, {}, number, true
    end
  end
  if last[i] < number then
    local read, kept, sum = ring_of(i), {}, 0
    if current[i] > 0 then read[#read + 1] = {last[i], current[i]} end
    for _, pair in ipairs(read) do
      if pair[1] + SUB_SPANS >= number then
        kept[#kept + 1] = pair
        sum = sum + pair[2]
      end
    end
    last[i], current[i], old[i], ring[i], moved[i] = number, 0, sum, kept, true
  end
end

local function leaves_ms(i, number)
  return (number + SUB_SPANS + 1) * sub_span[i]
end

local function wait_ms(i, capacity, units)
  local surplus = current[i] + old[i] + units - capacity
  if surplus <= 0 or units == 0 then return 0 end
  for _, pair in ipairs(ring_of(i)) do
    surplus = surplus - pair[2]
    if surplus <= 0 then return leaves_ms(i, pair[1]) - now end
  end
  if surplus <= current[i] then return leaves_ms(i, last[i]) - now end
  return sub_span[i] * SUB_SPANS
end

local function add(i, units)
  current[i] = current[i] + max(min(units, MOST_UNITS - current[i] - old[i]), 0)
end

-- Counts units of an earlier moment where they belong.
local function add_at(i, number, units)
  if number >= last[i] then return add(i, units) end
  if number + SUB_SPANS < last[i] then return end
  local pairs_of, at = ring_of(i), 1
  while pairs_of[at] and pairs_of[at][1] < number do at = at + 1 end
  if pairs_of[at] and pairs_of[at][1] == number then
    pairs_of[at][2] = pairs_of[at][2] + units
  else
    table.insert(pairs_of, at, {number, units})
  end
  old[i], moved[i] = old[i] + units, true
end

local function give_back(i, number, units)
  if number == last[i] then
    current[i] = max(current[i] - units, 0)
    return
  end
  for _, pair in ipairs(ring_of(i)) do
    if pair[1] == number then
      local back = min(pair[2], units)
      pair[2], old[i], moved[i] = pair[2] - back, old[i] - back, true
      return
    end
  end
end

local function save()
  local fields, is_new = {}, false
  for o = 1, #names do
    local window = {}
    for i = o * 4 - 3, o * 4 do
      window[#window + 1] = last[i]
      window[#window + 1] = current[i]
      window[#window + 1] = old[i]
      if moved[i] then
        local older = {}
        for at, pair in ipairs(ring_of(i)) do older[at] = pack('<dd', pair[1], pair[2]) end
        fields[#fields + 1] = ring_field(i)
        fields[#fields + 1] = table.concat(older)
        is_new = true
      end
    end
    fields[#fields + 1] = names[o]
    fields[#fields + 1] = pack(TWELVE, unpack(window))
  end
  call('HSET', KEYS[1], unpack(fields))
  if is_new then call('PEXPIRE', KEYS[1], keep_ms) end
end

-- The fleet: a field per process with the parts it may think it holds, when it was seen, its last report, and the parts
-- it was told of last; and a field ~ while a recovery is under way, with its beginning and whether the windows were lost.
-- Whoever is told of fewer parts counts with the old ones until it is heard again, since the answer may be lost.

-- How many parts of 10,000 may be given out here, and how many this process holds for when nobody answers.
local function share()
  local fleet = call('HMGET', KEYS[2], '~', me)
  local since, lost
  if fleet[1] then since, lost = unpacked('<dd', fleet[1]) end
  if since and now - since > keep_ms then
    call('HDEL', KEYS[2], '~')
    since = nil
  end
  local _, seen, report, parts = 0, nil, 0, 0
  if fleet[2] then _, seen, report, parts = unpacked(FOUR, fleet[2]) end
  if not since and seen and now - seen < RENEW_MS and now >= seen then return 10000, parts end
  local all, others, count, unknown, reported = call('HGETALL', KEYS[2]), 0, 1, 0, 0
  for at = 1, #all, 2 do
    if all[at] ~= '~' and all[at] ~= me then
      local their_parts, their_seen = unpacked('<dd', all[at + 1])
      if (since or now) - their_seen > STALE_MS then
        call('HDEL', KEYS[2], all[at])
        call('HDEL', KEYS[1], all[at])
      else
        others, count = others + their_parts, count + 1
        if since and their_seen < since then
          unknown = unknown + their_parts
        else
          reported = reported + their_parts
        end
      end
    end
  end
  local mine = max(min(floor(pool / count), pool - others), 0)
  if since then mine = min(mine, parts) end
  call('HSET', KEYS[2], me, pack(FOUR, max(mine, parts), now, report, mine))
  call('PEXPIRE', KEYS[2], keep_ms + STALE_MS)
  if not since then
    call('HSET', KEYS[1], me, pack('<dd', now, mine))
    call('PEXPIRE', KEYS[1], keep_ms)
    return 10000, mine
  end
  local known = pool - unknown
  if lost == 1 then known = reported + mine end
  if known >= pool - count then
    known = pool
    if pool == 10000 then call('HDEL', KEYS[2], '~') end
  end
  return known, mine
end

local function take()
  local reservation = call('GET', KEYS[3])
  local fate = reservation and unpacked('<d', reservation)
  if fate == NEVER then return {2, now, 0, 0} end
  if is_late then return {2, now, 0, 0} end
  local known, parts = share()
  local again = fate == LIVE or fate == SETTLED
  local longest, capacity, units = 0, {}, {}
  open()
  for i = 1, owners * 4 do
    capacity[i], sub_span[i], units[i] = unpacked('<ddd', numbers, OPENING + i * 24 - 23)
    if capacity[i] >= 0 then
      advance(i)
      if not again then
        local least = capacity[i]
        if known < 10000 then least = floor(least * known / 10000) end
        local wait = units[i] > least and RECOVERY_RETRY_MS or wait_ms(i, least, units[i])
        if wait > longest then longest = wait end
      end
    end
  end
  if longest == 0 and not again then
    local lasts = {}
    for i = 1, owners * 4 do
      if capacity[i] >= 0 then add(i, units[i]) end
      lasts[i] = pack('<d', last[i])
    end
    save()
    local text = pack('<dd', LIVE, owners) .. numbers .. table.concat(lasts) .. table.concat(names, '\n')
    call('SET', KEYS[3], text, 'PX', holds_ms)
  end
  local answer = {longest > 0 and 0 or 1, now, longest, parts, -1, -1, -1, -1}
  for i = 1, owners * 4 do
    local at, left = 5 + (i - 1) % 4, max(capacity[i] - current[i] - old[i], 0)
    if capacity[i] >= 0 and (answer[at] < 0 or left < answer[at]) then answer[at] = left end
  end
  return answer
end

-- Puts real use in the place of what a reservation took. What is refunded before it was taken is never taken.
local function settle(fate)
  local reservation = call('GET', KEYS[3])
  if not reservation then
    if fate == NEVER then call('SET', KEYS[3], pack('<d', NEVER), 'PX', keep_ms) end
    return {0, now}
  end
  if unpacked('<d', reservation) ~= LIVE then return {0, now} end
  local count = unpacked('<d', reservation, 9)
  names = {}
  for name in string.gmatch(string.sub(reservation, HEAD + 1 + count * 128), '[^\n]+') do names[#names + 1] = name end
  open()
  for i = 1, count * 4 do
    local capacity, step, taken = unpacked('<ddd', reservation, HEAD + i * 24 - 23)
    if capacity >= 0 then
      local number = unpacked('<d', reservation, HEAD + count * 96 + i * 8 - 7)
      local real = #numbers >= OPENING + i * 8 and unpacked('<d', numbers, OPENING + i * 8 - 7) or 0
      sub_span[i] = step
      if real > taken then
        advance(i)
        add(i, real - taken)
      elseif real < taken then
        give_back(i, number, taken - real)
      end
    end
  end
  save()
  call('SET', KEYS[3], pack('<d', fate) .. string.sub(reservation, 9), 'KEEPTTL')
  return {1, now}
end

-- A process is back: it tells what it admitted while nobody answered here. The same report again is not counted again.
local function rejoin()
  local parts, report, lost = unpacked('<ddd', numbers, OPENING + 1)
  local fleet = call('HMGET', KEYS[2], '~', me)
  if not fleet[1] then call('HSET', KEYS[2], '~', pack('<dd', now, lost)) end
  local seen_report = 0
  if fleet[2] then local _, _, number = unpacked('<ddd', fleet[2]); seen_report = number end
  if report > seen_report and owners > 0 then
    local at = OPENING + 25
    open()
    for i = 1, owners * 4 do
      local step, count = unpacked('<dd', numbers, at)
      at = at + 16
      if step > 0 then
        sub_span[i] = step
        advance(i)
      end
      for _ = 1, count do
        local number, units = unpacked('<dd', numbers, at)
        at = at + 16
        add_at(i, number, units)
      end
    end
    save()
  end
  local all, others = call('HGETALL', KEYS[2]), 0
  for at = 1, #all, 2 do
    call('HDEL', KEYS[1], all[at])
    if all[at] ~= '~' and all[at] ~= me then others = others + unpacked('<d', all[at + 1]) end
  end
  parts = max(min(parts, pool - others), 0)
  call('HSET', KEYS[2], me, pack(FOUR, parts, now, max(report, seen_report), parts))
  call('PEXPIRE', KEYS[2], keep_ms + STALE_MS)
  return {1, now, 0, parts}
end

-- Takes units back out of the sub-span they were reported in.
local function adjust()
  local place, step, number, units = unpacked(FOUR, numbers, OPENING + 1)
  open()
  sub_span[place + 1] = step
  give_back(place + 1, number, units)
  save()
  return {1, now}
end

if what == 'take' then return take() end
if what == 'settle' then return settle(SETTLED) end
if what == 'refund' then return settle(REFUNDED) end
if what == 'undo' then return settle(NEVER) end
if what == 'rejoin' then return rejoin() end
if what == 'adjust' then return adjust() end
return redis.error_reply('ERR no such decision')
