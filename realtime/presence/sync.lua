-- List users of a process, unlist others, and count sockets.
-- Return whether the process is alone, and the outcome for each user who leaves.
local process, version, change = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local confirmed, attempted, seconds = ARGV[4], ARGV[5], ARGV[6]
local touched = {}
ensure_lease(process, seconds)

for user, open in pairs(change.open_here) do
    if open == 0 then
        redis.call('HDEL', 'realtime:sockets:' .. process, user)
    else
        redis.call('HSET', 'realtime:sockets:' .. process, user, open)
    end
end

for _, entry in ipairs(change.entering) do
    local room, user, username = unpack(entry)
    redis.call('HSET', 'realtime:room:' .. room, process .. ':' .. user, username)
    redis.call('SADD', 'realtime:process:' .. process, room .. ':' .. user)
    touched[room] = true
end

local outcomes = {}
for _, entry in ipairs(change.leaving) do
    local room, user = unpack(entry)
    local removed = redis.call('HDEL', 'realtime:room:' .. room, process .. ':' .. user)
    redis.call('SREM', 'realtime:process:' .. process, room .. ':' .. user)
    if removed == 1 then touched[room] = true end
    if is_present(room, user) then
        table.insert(outcomes, 'elsewhere')
    else
        table.insert(outcomes, removed == 1 and 'gone' or 'unlisted')
    end
end

stamp(touched, version)
-- A list that is not the one that this process left here stays marked as lost.
local before = redis.call('HGET', 'realtime:lists', process) or ''
local is_known = before == version or before == confirmed or before == attempted
redis.call('HSET', 'realtime:lists', process, is_known and version or 'lost')
-- A process that Redis has forgotten cannot know whether the others are forgotten, too.
return {live[process] and is_alone(process) and 1 or 0, outcomes}
