-- Delete the keys of presence that have a foreign type; ARGV are the rooms at hand.
-- Such a key has overwritten one of ours: then have every process list its users again, and
-- compare every room. Return the deleted keys and their types.
local found = {}

local function is_ours(key, type)
    local actual = redis.call('TYPE', key).ok
    if actual == type then return true end
    if actual ~= 'none' then
        redis.call('DEL', key)
        table.insert(found, {key, actual})
    end
    return false
end

is_ours('realtime:versions', 'hash')
is_ours('realtime:lists', 'hash')
local processes = {}
if is_ours('realtime:processes', 'zset') then
    processes = redis.call('ZRANGE', 'realtime:processes', 0, -1)
end
for _, room in ipairs(ARGV) do
    is_ours('realtime:room:' .. room, 'hash')
end
for _, process in ipairs(processes) do
    is_ours('realtime:sockets:' .. process, 'hash')
    if is_ours('realtime:process:' .. process, 'set') then
        for _, entry in ipairs(redis.call('SMEMBERS', 'realtime:process:' .. process)) do
            is_ours('realtime:room:' .. (string.match(entry, '^([^:]*:[^:]*):') or ''), 'hash')
        end
    end
end

if #found > 0 then
    redis.call('DEL', 'realtime:versions')
    for _, process in ipairs(processes) do
        redis.call('HSET', 'realtime:lists', process, 'lost')
    end
end
return found
