import { redisScript } from './redis-connection.ts'

/**
 * ARGV: the number of expectations; five for each: 'value' or 'field', its key's number, the field, '1' (present)
 * or '0', the text; then five for each write: kind, its key's number, three arguments. Answers 'done', 'conflict'
 * or 'over'.
 *
 * A script is not rolled back when one of its commands fails. So all that could fail is found out first, on a
 * picture of the keys as they will be by then: types, numbers, limits.
 */
export const commitScript = redisScript(`
local position = 1
local function take()
  position = position + 1
  return ARGV[position - 1]
end

for _ = 1, tonumber(take()) do
  local kind, key, field, present, value = take(), KEYS[tonumber(take())], take(), take(), take()
  local found
  -- What is there and of another type counts as absent, as it does with MGET.
  if kind == 'value' then found = redis.pcall('GET', key) else found = redis.pcall('HGET', key, field) end
  if type(found) == 'table' then found = false end
  if present == '1' then
    if found ~= value then return 'conflict' end
  elseif found then
    return 'conflict'
  end
end

local writes = {}
while position <= #ARGV do
  writes[#writes + 1] = { take(), KEYS[tonumber(take())], take(), take(), take() }
end

local kinds, emptied, numbers = {}, {}, {}
local function becomes(key, wanted)
  local kind = kinds[key] or redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= wanted then return false end
  kinds[key] = wanted
  return true
end
local function number(key, field)
  numbers[key] = numbers[key] or {}
  local known = numbers[key][field]
  if known ~= nil then return known end
  if emptied[key] then return 0 end
  return tonumber(redis.call('HGET', key, field) or '0') or 0
end

for _, write in ipairs(writes) do
  local kind, key, first, second, third = unpack(write)
  if kind == 'set' then
    kinds[key] = 'string'
    emptied[key] = true
    numbers[key] = nil
  elseif kind == 'remove' then
    kinds[key] = 'none'
    emptied[key] = true
    numbers[key] = nil
  elseif kind == 'rank' or kind == 'unrank' then
    if not becomes(key, 'zset') then return redis.error_reply('WRONGTYPE ' .. kind) end
  else
    if not becomes(key, 'hash') then return redis.error_reply('WRONGTYPE ' .. kind) end
    numbers[key] = numbers[key] or {}
    if kind == 'setField' then
      numbers[key][first] = tonumber(second) or 0
    elseif kind == 'removeField' then
      numbers[key][first] = 0
    else
      local sum = number(key, first) + tonumber(second)
      -- Giving back is always allowed, also where the limit was lowered meanwhile.
      if third ~= '' and tonumber(second) > 0 and sum > tonumber(third) then return 'over' end
      numbers[key][first] = math.max(sum, 0)
    end
  end
end

for _, write in ipairs(writes) do
  local kind, key, first, second, third = unpack(write)
  if kind == 'set' then
    if second == '' then
      redis.call('SET', key, first)
    else
      redis.call('SET', key, first, 'PX', second)
    end
  elseif kind == 'remove' then
    redis.call('DEL', key)
  elseif kind == 'rank' then
    if third == '' then
      redis.call('ZADD', key, second, first)
    else
      redis.call('ZADD', key, third, second, first)
    end
  elseif kind == 'unrank' then
    redis.call('ZREM', key, first)
  elseif kind == 'setField' then
    redis.call('HSET', key, first, second)
  elseif kind == 'removeField' then
    redis.call('HDEL', key, first)
  else
    local sum = redis.pcall('HINCRBY', key, first, second)
    -- What is no number counts as 0; and no count is below 0.
    if type(sum) == 'table' then
      redis.call('HSET', key, first, string.sub(second, 1, 1) == '-' and '0' or second)
    elseif sum < 0 then
      redis.call('HSET', key, first, '0')
    end
  end
end
return 'done'
`)

/** ARGV: limit, window in seconds, how much is counted. Answers 0 when the hit is allowed, else the milliseconds until the window ends. */
export const hitScript = redisScript(`
local hits = redis.call('INCRBY', KEYS[1], ARGV[3])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2]) * 1000
  redis.call('PEXPIRE', KEYS[1], left)
end
if hits <= tonumber(ARGV[1]) then return 0 end
return math.max(left, 1)
`)
