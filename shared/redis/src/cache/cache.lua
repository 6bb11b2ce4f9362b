-- Stored answers of one tenant, all of whose keys have one hash tag.
--
-- KEYS  1 what is known of the tenant   2 answers   3 their ranks   4 their ends   5 flights   6 a namespace
-- ARGV  1 what to do; the rest stands at each decision
--
-- An answer is a field: seven numbers (when it was stored, how long it is fresh, how long it may stand in after that, its
-- generation, its worth, its step, the length of its tags), its tags, each ended by a zero, and its value.
-- Generations are this clock's microseconds, so that those of a server that has forgotten all come after those it gave before.
-- What is known of a tenant: the floor (what was made before is void), the last generation, the rank at which the last answer
-- was pushed out, bytes; a field beginning with t for each purged tag; with l and n for each namespace's life and last number;
-- how many there are of both.

local MOST_TAGS, MOST_SPACES, CLEAN_AT_ONCE = 2000, 2000, 100
local SEVEN, HEAD = '<ddddddd', 56
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local max, min = math.max, math.min
local ARGV, KEYS = ARGV, KEYS
local KNOWN, ANSWERS, RANKS, ENDS, FLIGHTS, SPACE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local FLIGHTS_KEEP_MS, KNOWN_KEEP_MS = 3600000, 2678400000

local now = now_ms()

local function live(key, milliseconds)
  if call('PTTL', key) < milliseconds then call('PEXPIRE', key, milliseconds) end
end

-- The beginning of a tenant here: what was made before is void, for nobody knows what was purged.
local function begin()
  local generation = now * 1000
  call('HSET', KNOWN, 'floor', generation, 'last', generation, 'age', 0)
  call('DEL', ANSWERS, RANKS, ENDS)
  live(KNOWN, KNOWN_KEEP_MS)
  return generation
end

local function read_tags(tags, fields)
  for tag in string.gmatch(tags, '([^%z]*)%z') do fields[#fields + 1] = 't' .. tag end
end

-- The tag that makes it void, if one does.
local function void_since(known, fields, first, last, generation, floor)
  if generation < floor then return 'one of long ago' end
  for at = first, last do
    if known[at] and tonumber(known[at]) > generation then return string.sub(fields[at], 2) end
  end
end

-- -1 for the asker, else what is left of another's time.
local function lead(key, holder, holds)
  local led = call('HGET', FLIGHTS, key)
  if led then
    local left = unpacked('<d', led) - now
    if left > 0 and string.sub(led, 9) ~= holder then return left end
  end
  call('HSET', FLIGHTS, key, pack('<d', now + tonumber(holds)) .. holder)
  live(FLIGHTS, FLIGHTS_KEEP_MS)
  if not led and call('HLEN', FLIGHTS) % 1000 == 0 then
    local all = call('HGETALL', FLIGHTS)
    for at = 1, #all, 2 do
      if unpacked('<d', all[at + 1]) <= now then call('HDEL', FLIGHTS, all[at]) end
    end
  end
  return -1
end

-- It was used: its rank rises, counted from the rank at which the last one went.
local function raise(key, step, age)
  if tonumber(call('ZINCRBY', RANKS, step, key)) < age + step then call('ZADD', RANKS, age + step, key) end
end

-- A namespace since a cursor: its life, the last number that is told, whether that is the beginning, whether there is more.
local function delta(life, number, at_once)
  local head = call('HMGET', KNOWN, 'l' .. SPACE, 'n' .. SPACE)
  if not head[1] then return {0, 0, 1, 0, {}} end
  local last = tonumber(head[2])
  local oldest = call('ZRANGE', SPACE, 0, 0, 'WITHSCORES')
  local first = tonumber(oldest[2] or last + 1)
  local knows = life == tonumber(head[1]) and number > 0 and number <= last and number + 1 >= first
  local members = call('ZRANGEBYSCORE', SPACE, knows and '(' .. number or '-inf', '+inf', 'LIMIT', 0, at_once)
  local told, shown = last, {}
  for at = 1, #members do
    local ends
    told, ends = unpacked('<dd', members[at])
    if ends > now then shown[#shown + 1] = string.sub(members[at], 17) end
  end
  return {tonumber(head[1]), told, knows and 0 or 1, told < last and 1 or 0, shown}
end

-- 2 how many keys   3 the holder, or nothing   4 its time   5 a life, or nothing   6 a number   7 neighbours at once   8.. keys
local function look()
  local count = tonumber(ARGV[2])
  local stored = count > 0 and call('HMGET', ANSWERS, unpack(ARGV, 8)) or {}
  local fields, first = {'floor', 'last', 'age'}, {}
  for at = 1, count do
    if stored[at] then
      first[at] = #fields + 1
      local length = unpacked('<d', stored[at], 49)
      if length > 0 then read_tags(string.sub(stored[at], HEAD + 1, HEAD + length), fields) end
    end
  end
  first[count + 1] = #fields + 1
  local known = call('HMGET', KNOWN, unpack(fields))
  local floor, last = tonumber(known[1] or begin()), tonumber(known[2])
  local found, is_fresh = {}, false
  for at = 1, count do
    found[at] = ''
    if stored[at] then
      local ends
      for after = at + 1, count + 1 do
        if first[after] then ends = first[after] - 1; break end
      end
      local stored_at, fresh, grace, generation, _, step = unpacked(SEVEN, stored[at])
      local age = max(now - stored_at, 0)
      local tag = void_since(known, fields, first[at], ends, generation, floor)
      if tag then
        found[at] = 'v' .. tag
      elseif age < fresh + grace then
        found[at] = 'h' .. pack('<d', age) .. stored[at]
        is_fresh = is_fresh or age < fresh
        raise(ARGV[7 + at], step, tonumber(known[3] or 0))
      end
    end
  end
  local leading = 0
  if ARGV[3] ~= '' and not is_fresh and count > 0 then leading = lead(ARGV[8], ARGV[3], ARGV[4]) end
  local grown = {}
  if ARGV[5] ~= '' then grown = delta(tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])) end
  return {last or floor, leading, found, grown}
end

-- Takes an answer away; what is told is how many bytes that gives back.
local function drop(key)
  local bytes = call('HSTRLEN', ANSWERS, key)
  call('HDEL', ANSWERS, key)
  call('ZREM', RANKS, key)
  call('ZREM', ENDS, key)
  return bytes
end

-- 2 the key   3 fresh for   4 may stand in for   5 its generation   6 its worth   7 its step   8 its tags   9 its value
-- 10 answers at most   11 bytes at most
local function put()
  local key, fresh, grace, generation = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  call('HDEL', FLIGHTS, key)
  local fields = {'floor', 'age', 'bytes'}
  read_tags(ARGV[8], fields)
  local known = call('HMGET', KNOWN, unpack(fields))
  local floor = tonumber(known[1] or begin())
  if void_since(known, fields, 4, #fields, generation, floor) or fresh + grace <= 0 then return 0 end
  local age, bytes = tonumber(known[2] or 0), tonumber(known[3] or 0)
  for _, ended in ipairs(call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, CLEAN_AT_ONCE)) do
    bytes = bytes - drop(ended)
  end
  local step = tonumber(ARGV[7])
  local answer = pack(SEVEN, now, fresh, grace, generation, tonumber(ARGV[6]), step, #ARGV[8]) .. ARGV[8] .. ARGV[9]
  bytes = bytes - call('HSTRLEN', ANSWERS, key) + #answer
  call('HSET', ANSWERS, key, answer)
  call('ZADD', ENDS, now + fresh + grace, key)
  call('ZADD', RANKS, age + step, key)
  while call('HLEN', ANSWERS) > tonumber(ARGV[10]) or bytes > tonumber(ARGV[11]) do
    local least = call('ZPOPMIN', RANKS)
    if not least[1] then
      call('DEL', ANSWERS, ENDS)
      bytes = 0
      break
    end
    age = max(age, tonumber(least[2]))
    bytes = bytes - drop(least[1])
  end
  call('HSET', KNOWN, 'age', age, 'bytes', max(bytes, 0))
  for at = 2, 4 do live(KEYS[at], fresh + grace) end
  live(KNOWN, KNOWN_KEEP_MS)
  return 1
end

-- 2 the key   3 the holder   4 its time
local function prolong()
  return lead(ARGV[2], ARGV[3], ARGV[4]) == -1 and 1 or 0
end

-- 2 the key   3 by how much its rank rises
local function use()
  if call('HEXISTS', ANSWERS, ARGV[2]) == 0 then return 0 end
  raise(ARGV[2], tonumber(ARGV[3]), tonumber(call('HGET', KNOWN, 'age') or 0))
  return 1
end

-- 2 the key   3 the holder
local function release()
  local led = call('HGET', FLIGHTS, ARGV[2])
  if led and string.sub(led, 9) == ARGV[3] then return call('HDEL', FLIGHTS, ARGV[2]) end
  return 0
end

-- Forgets all fields that begin with a letter; what is named by a whole word stays.
local function forget(letter)
  for _, field in ipairs(call('HKEYS', KNOWN)) do
    if string.sub(field, 1, 1) == letter and field ~= 'last' then call('HDEL', KNOWN, field) end
  end
end

-- 2 the tag
local function purge()
  local last = call('HGET', KNOWN, 'last')
  if not last then
    begin()
    last = 0
  end
  last = max(tonumber(last) + 1, now * 1000)
  local is_new = call('HSET', KNOWN, 'last', last, 't' .. ARGV[2], last) > 0
  live(KNOWN, KNOWN_KEEP_MS)
  if is_new and call('HINCRBY', KNOWN, '#tags', 1) > MOST_TAGS then
    -- All tags are forgotten at once, and all that was made before with them.
    forget('t')
    call('HSET', KNOWN, 'floor', last, '#tags', 0)
  end
  return last
end

-- 2 the neighbour   3 how long it is kept   4 neighbours at most
local function add()
  local keep = tonumber(ARGV[3])
  local head = call('HMGET', KNOWN, 'floor', 'l' .. SPACE, 'n' .. SPACE)
  if not head[1] then begin() end
  local life, number = head[2], tonumber(head[3] or 0) + 1
  if not life then
    if call('HINCRBY', KNOWN, '#spaces', 1) > MOST_SPACES then
      -- All namespaces begin anew; what the others hold ends by itself.
      forget('l')
      forget('n')
      call('HSET', KNOWN, '#spaces', 1)
      number = 1
    end
    call('DEL', SPACE)
    call('HSET', KNOWN, 'l' .. SPACE, now)
  end
  call('HSET', KNOWN, 'n' .. SPACE, number)
  call('ZADD', SPACE, number, pack('<dd', number, now + keep) .. ARGV[2])
  call('ZREMRANGEBYRANK', SPACE, 0, -tonumber(ARGV[4]) - 1)
  live(SPACE, keep)
  live(KNOWN, KNOWN_KEEP_MS)
  return number
end

local what = ARGV[1]
if what == 'look' then return look() end
if what == 'put' then return put() end
if what == 'use' then return use() end
if what == 'lead' then return prolong() end
if what == 'release' then return release() end
if what == 'purge' then return purge() end
if what == 'add' then return add() end
return redis.error_reply('ERR no such decision')
