-- Shared by the scripts of the inbox. Times are microseconds since 1970, kept as text: Lua writes large numbers rounded.
--   ARGV[1]       the prefix of every key of the inbox
--   due           sorted set: the lanes that are not empty, by the time when they are due or their lease ends
--   lane:<lane>   list: the records of a lane; head:<lane> hash: the attempts and the claim of the first one
--   key:<key>     string: a known key; dead sorted set and dead:<id> hash: dead letters; last: the last number used
local base = ARGV[1]
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', time[2])

local function after(duration)
    return string.format('%.0f', tonumber(now) + tonumber(duration))
end

-- A record is its time of acceptance, whether its key has a lifetime, the length of the key, the key, and the body.
local function key_of(record)
    local lives, length, start = string.match(record, '^%d+:(%d):(%d+):()')
    return string.sub(record, start, start + tonumber(length) - 1), lives == '1'
end

local function remember(record, milliseconds)
    local key, lives = key_of(record)
    if lives then return end
    if tonumber(milliseconds) > 0 then
        redis.call('SET', base .. 'key:' .. key, '', 'PX', milliseconds)
    else
        redis.call('DEL', base .. 'key:' .. key)
    end
end

local function holds(lane, fence)
    return redis.call('HGET', base .. 'head:' .. lane, 'fence') == fence
end

-- Takes the head out of its lane; the next record is due at once.
local function take(lane)
    local record = redis.call('LPOP', base .. 'lane:' .. lane)
    redis.call('DEL', base .. 'head:' .. lane)
    if redis.call('EXISTS', base .. 'lane:' .. lane) == 1 then
        redis.call('ZADD', base .. 'due', now, lane)
    else
        redis.call('ZREM', base .. 'due', lane)
    end
    return record
end
