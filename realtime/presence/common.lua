-- Runs before every script but repair.lua, in the same chunk: its locals are theirs.
-- All times are Redis's own.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

-- The processes whose lease runs.
local live = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', 'realtime:processes', now, '+inf')) do
    live[process] = true
end

local function is_present(room, user)
    for process in pairs(live) do
        if redis.call('HEXISTS', 'realtime:room:' .. room, process .. ':' .. user) == 1 then
            return true
        end
    end
    return false
end

local function is_alone(process)
    for other in pairs(live) do
        if other ~= process then return false end
    end
    return true
end

-- Give rooms that changed a new version: a word that was never used before. A counter could go
-- back with a Redis that has lost something.
local function stamp(rooms, version)
    for room in pairs(rooms) do
        if redis.call('EXISTS', 'realtime:room:' .. room) == 1 then
            redis.call('HSET', 'realtime:versions', room, version)
        else
            redis.call('HDEL', 'realtime:versions', room)
        end
    end
end

-- Redis has forgotten a process that writes without a lease. Give it a lease, as otherwise nobody
-- would remove its entries if it ended before it renews; and a mark, which its renewal returns.
local function ensure_lease(process, seconds)
    if live[process] then return end
    redis.call('ZADD', 'realtime:processes', now + tonumber(seconds), process)
    redis.call('HSET', 'realtime:lists', process, 'lost')
end

