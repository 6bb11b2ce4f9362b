-- Rates of one hash tag. The decisions are those of the engine's `limits::Window`; a test holds the two together.
--
-- KEYS  1 windows   2 the fleet: who holds which share   3, 4 reservations, of even and of odd generations
-- ARGV  1 what to do   2 the process, with an = before its name   3 numbers, packed   4 the id of a reservation, if it is about one
--       5 what is to be kept of that: for each owner the units of its windows and their sub-spans, then the owners' names
--       6.. the owners of the windows it is about
--
-- The numbers begin with five: when it was sent, by this clock (0: unknown); how late it may come; parts of 10,000 that processes
-- may hold together; how long anything is kept; how long a generation is. What follows a take are the capacities.
--
-- An owner has four windows: requests, input tokens, output tokens, calls at once. Its field says from when until when they are all
-- in their last sub-spans, and the units in each of them; more than there may be in one that is not measured yet. A field for each
-- window, the owner's name with # and the window's place, changes when it begins a sub-span: that sub-span, its length, the units
-- in older ones, then each of those in pairs.
-- A process that was heard of a moment ago, while no recovery is under way, has a field too: when that was, and its parts.
--
-- A generation of reservations is one key, which is gone as a whole when the next but one begins: a key for each would take
-- more of the server's time and memory than all else that a decision does.
--
-- Answers, packed: status (0 wait, 1 done, 2 too late), this clock, milliseconds to wait, the process's parts, and the least that
-- is left of requests, input tokens, output tokens and calls at once.

local SUB_SPANS, MOST_UNITS, NO_LIMIT = 64, 1e15, 2 ^ 53
local STALE_MS, RENEW_MS, RECOVERY_RETRY_MS = 30000, 1000, 100
local LIVE, SETTLED, REFUNDED, NEVER = 0, 1, 2, 3
local TWO, THREE, FOUR, FIVE, SIX, EIGHT = '<dd', '<ddd', '<dddd', '<ddddd', '<dddddd', '<dddddddd'
-- Bytes before what a decision says in its numbers, and before what is kept in a reservation: its fate, how many owners, when.
local OPENING, HEAD = 40, 24
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local ARGV, KEYS = ARGV, KEYS

local now = now_ms()
local what, me, numbers, id, keeps, first, second = unpack(ARGV, 1, 7)
local owners = #ARGV - 5
local sent, late_ms, pool, keep_ms, length = unpacked(FIVE, numbers)
local is_late = sent > 0 and now - sent > late_ms
-- This generation's reservations and the last one's.
local begun, takes, old_takes = now - now % length, KEYS[3], KEYS[4]
if begun / length % 2 == 1 then takes, old_takes = old_takes, takes end

-- What nearly every call is: nothing new in the fleet, every window in its last sub-span, room for all, not seen before.
while what == 'take' and not is_late and owners <= 2 do
  local heads = call('HMGET', KEYS[1], me, first, second or first)
  if not heads[1] then break end
  local seen, parts = unpacked(TWO, heads[1])
  if now - seen >= RENEW_MS or now < seen or seen < begun then break end
  local fits, one, two, r1, r2, r3, r4 = true, nil, nil, NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT
  for o = 1, owners do
    local head = heads[o + 1]
    if not head then fits = false break end
    local from, till, t1, t2, t3, t4 = unpacked(SIX, head)
    local c1, c2, c3, c4 = unpacked(FOUR, numbers, OPENING + o * 32 - 31)
    local u1, u2, u3, u4 = unpacked(FOUR, keeps, o * 64 - 63)
    t1, t2, t3, t4 = t1 + u1, t2 + u2, t3 + u3, t4 + u4
    c1, c2, c3, c4 = c1 - t1, c2 - t2, c3 - t3, c4 - t4
    if now < from or now >= till or c1 < 0 or c2 < 0 or c3 < 0 or c4 < 0 then fits = false break end
    if c1 < r1 then r1 = c1 end
    if c2 < r2 then r2 = c2 end
    if c3 < r3 then r3 = c3 end
    if c4 < r4 then r4 = c4 end
    one, two = two, pack(SIX, from, till, t1, t2, t3, t4)
  end
  if not fits or call('HEXISTS', old_takes, id) == 1 then break end
  if call('HSETNX', takes, id, pack(THREE, LIVE, owners, now) .. keeps) == 0 then break end
  if owners == 2 then call('HSET', KEYS[1], first, one, second, two) else call('HSET', KEYS[1], first, two) end
  return pack(EIGHT, 1, now, 0, parts, r1, r2, r3, r4)
end

local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local names = {}
for o = 1, owners do names[o] = ARGV[5 + o] end

-- Windows by number: the first owner's four, then the second's. The text of a ring is read when its pairs are needed.
local sub_span, last, current, old, text, ring, moved = {}, {}, {}, {}, {}, {}, {}

local function shape_field(i)
  return names[ceil(i / 4)] .. '#' .. (i - 1) % 4
end

local function ring_of(i)
  if not ring[i] then
    local read = {}
    for at = 25, #text[i], 16 do
      local number, units = unpacked(TWO, text[i], at)
      read[#read + 1] = {number, units}
    end
    ring[i] = read
  end
  return ring[i]
end

local function open()
  for o = 1, #names do
    local i = o * 4 - 3
    local read = call('HMGET', KEYS[1], names[o], shape_field(i), shape_field(i + 1), shape_field(i + 2), shape_field(i + 3))
    local totals = {0, 0, 0, 0}
    if read[1] then
      local _, _, t1, t2, t3, t4 = unpacked(SIX, read[1])
      totals = {t1, t2, t3, t4}
    end
    for d = 1, 4 do
      text[i] = read[d + 1] or ''
      last[i], sub_span[i], old[i] = 0, 0, 0
      if read[d + 1] then last[i], sub_span[i], old[i] = unpacked(THREE, text[i]) end
      current[i] = read[d + 1] and totals[d] - old[i] or 0
      i = i + 1
    end
  end
end

-- How long a window's sub-spans are by whoever asks. What was counted in sub-spans of another length counts as of the last moment
-- at which it may have been taken.
local function measure(i, step)
  local was = sub_span[i]
  if was == step then return end
  local number, read, kept, sum, taken_now = floor(now / step), ring_of(i), {}, 0, 0
  if current[i] > 0 then read[#read + 1] = {last[i], current[i]} end
  for _, pair in ipairs(read) do
    local at, units = min(floor(((pair[1] + 1) * was - 1) / step), number), pair[2]
    if at == number then
      taken_now = taken_now + units
    elseif at + SUB_SPANS >= number then
      sum = sum + units
      local newest = kept[#kept]
      if newest and newest[1] == at then
        newest[2] = newest[2] + units
      else
        kept[#kept + 1] = {at, units}
      end
    end
  end
  last[i], sub_span[i], current[i], old[i], ring[i], moved[i] = number, step, taken_now, sum, kept, true
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
    local from, till, totals = 0, NO_LIMIT, {}
    for i = o * 4 - 3, o * 4 do
      -- Who has a limit for a window that is not measured yet must not find room in it.
      totals[#totals + 1] = sub_span[i] > 0 and current[i] + old[i] or NO_LIMIT
      if sub_span[i] > 0 then
        from, till = max(from, last[i] * sub_span[i]), min(till, (last[i] + 1) * sub_span[i])
      end
      if moved[i] then
        local shape = {pack(THREE, last[i], sub_span[i], old[i])}
        for at, pair in ipairs(ring_of(i)) do shape[at + 1] = pack(TWO, pair[1], pair[2]) end
        fields[#fields + 1] = shape_field(i)
        fields[#fields + 1] = table.concat(shape)
        is_new = true
      end
    end
    fields[#fields + 1] = names[o]
    fields[#fields + 1] = pack(SIX, from, till, unpack(totals))
  end
  call('HSET', KEYS[1], unpack(fields))
  if is_new then call('PEXPIRE', KEYS[1], keep_ms) end
end

-- A reservation, and the generation it is of.
local function reserved()
  local reservation = call('HGET', takes, id)
  if reservation then return reservation, takes end
  return call('HGET', old_takes, id), old_takes
end

-- Begins a generation, unless it has begun: what stands in its place is over.
local function begin()
  local found, last_begun = tonumber(call('HGET', takes, '') or nil), begun
  if found == begun then return end
  if found and found < begun then call('UNLINK', takes) end
  -- Where this clock was set back, it is of a later one, and stays.
  if found and found > begun then last_begun = found end
  call('HSET', takes, '', string.format('%.0f', begun))
  -- A little longer, so that a busy tag's is taken away above, which does not hold the server up.
  call('PEXPIRE', takes, last_begun + 2.5 * length - now)
end

-- The fleet: a field per process with the parts it may think it holds, when it was seen, its last report, and the parts
-- it was told of last; and a field ~ while a recovery is under way, with its beginning and whether the windows were lost.
-- Whoever is told of fewer parts counts with the old ones until it is heard again, since the answer may be lost.

-- How many parts of 10,000 may be given out here, and how many this process holds for when nobody answers.
local function share()
  local fleet = call('HMGET', KEYS[2], '~', me)
  local since, lost
  if fleet[1] then since, lost = unpacked(TWO, fleet[1]) end
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
      local their_parts, their_seen = unpacked(TWO, all[at + 1])
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
    call('HSET', KEYS[1], me, pack(TWO, now, mine))
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
  begin()
  local reservation = reserved()
  local fate = reservation and unpacked('<d', reservation)
  if fate == NEVER or is_late then return {2, now, 0, 0} end
  local known, parts = share()
  local again = fate == LIVE or fate == SETTLED
  local longest, capacity, units, is_steady = 0, {}, {}, true
  open()
  for i = 1, owners * 4 do
    local d, o = (i - 1) % 4, ceil(i / 4) - 1
    capacity[i] = unpacked('<d', numbers, OPENING + i * 8 - 7)
    units[i] = unpacked('<d', keeps, o * 64 + d * 8 + 1)
    local step = unpacked('<d', keeps, o * 64 + d * 8 + 33)
    if step > 0 then measure(i, step) end
    if sub_span[i] > 0 then
      advance(i)
      is_steady = is_steady and last[i] == floor(now / sub_span[i])
    end
    if capacity[i] < NO_LIMIT and not again then
      local least = capacity[i]
      if known < 10000 then least = floor(least * known / 10000) end
      local wait = units[i] > least and RECOVERY_RETRY_MS or wait_ms(i, least, units[i])
      if wait > longest then longest = wait end
    end
  end
  if longest == 0 and not again then
    for i = 1, owners * 4 do
      if capacity[i] < NO_LIMIT then add(i, units[i]) end
    end
    save()
    -- Where this clock was set back, what is taken counts in later sub-spans than those of now: their numbers are kept too.
    local head = pack(THREE, LIVE, owners, is_steady and now or -1)
    if not is_steady then
      for i = 1, owners * 4 do head = head .. pack('<d', last[i]) end
    end
    call('HSET', takes, id, head .. keeps)
  end
  local answer = {longest > 0 and 0 or 1, now, longest, parts, NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT}
  for i = 1, owners * 4 do
    local at = 5 + (i - 1) % 4
    if capacity[i] < NO_LIMIT then answer[at] = min(answer[at], max(capacity[i] - current[i] - old[i], 0)) end
  end
  return answer
end

-- Puts real use in the place of what a reservation took. What is refunded before it was taken is never taken.
local function settle(fate)
  local reservation, stands = reserved()
  if not reservation then
    if fate == NEVER then
      begin()
      call('HSET', takes, id, pack('<d', NEVER))
    end
    return {0, now}
  end
  if unpacked('<d', reservation) ~= LIVE then return {0, now} end
  local _, count, taken_at = unpacked(THREE, reservation)
  local at = taken_at < 0 and HEAD + count * 32 or HEAD
  names = {}
  for name in string.gmatch(string.sub(reservation, at + 1 + count * 64), '[^\n]+') do names[#names + 1] = name end
  open()
  for i = 1, count * 4 do
    local d, o = (i - 1) % 4, ceil(i / 4) - 1
    local taken = unpacked('<d', reservation, at + o * 64 + d * 8 + 1)
    local step = unpacked('<d', reservation, at + o * 64 + d * 8 + 33)
    if step > 0 then
      local real = #numbers >= OPENING + i * 8 and unpacked('<d', numbers, OPENING + i * 8 - 7) or 0
      -- The windows may be gone: a reservation outlives them.
      if sub_span[i] == 0 then measure(i, step) end
      if real > taken then
        advance(i)
        add(i, real - taken)
      elseif real < taken and step == sub_span[i] then
        local number = floor(taken_at / step)
        if taken_at < 0 then number = unpacked('<d', reservation, HEAD + i * 8 - 7) end
        give_back(i, number, taken - real)
      end
    end
  end
  save()
  call('HSET', stands, id, pack('<d', fate) .. string.sub(reservation, 9))
  return {1, now}
end

-- A process is back: it tells what it admitted while nobody answered here. The same report again is not counted again.
local function rejoin()
  local parts, report, lost = unpacked(THREE, numbers, OPENING + 1)
  local fleet = call('HMGET', KEYS[2], '~', me)
  if not fleet[1] then call('HSET', KEYS[2], '~', pack(TWO, now, lost)) end
  local seen_report = 0
  if fleet[2] then local _, _, number = unpacked(THREE, fleet[2]); seen_report = number end
  if report > seen_report and owners > 0 then
    local at = OPENING + 25
    open()
    for i = 1, owners * 4 do
      local step, count = unpacked(TWO, numbers, at)
      at = at + 16
      if step > 0 then
        measure(i, step)
        advance(i)
      end
      for _ = 1, count do
        local number, units = unpacked(TWO, numbers, at)
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
  if sub_span[place + 1] == step then
    give_back(place + 1, number, units)
    save()
  end
  return {1, now}
end

local function decide()
  if what == 'take' then return take() end
  if what == 'settle' then return settle(SETTLED) end
  if what == 'refund' then return settle(REFUNDED) end
  if what == 'undo' then return settle(NEVER) end
  if what == 'rejoin' then return rejoin() end
  if what == 'adjust' then return adjust() end
end

local answer = decide()
if not answer then return redis.error_reply('ERR no such decision') end
return pack('<' .. string.rep('d', #answer), unpack(answer))
