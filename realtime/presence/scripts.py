"""The scripts of `realtime.presence.store`, each one step of Redis that nothing comes between.

All times are Redis's own. A room that changes gets a new version, and so does the list of a
process: a word that was never used before, and so no counter that could go back with a Redis
that has lost something.
"""

from __future__ import annotations

_LIVE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local live = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', 'realtime:processes', now, '+inf')) do
    live[process] = true
end
local function is_present(project, user)
    for process in pairs(live) do
        if redis.call('HEXISTS', 'realtime:room:' .. project, process .. ':' .. user) == 1 then
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
"""

_STAMP = """
local function stamp(projects, version)
    for project in pairs(projects) do
        if redis.call('EXISTS', 'realtime:room:' .. project) == 1 then
            redis.call('HSET', 'realtime:versions', project, version)
        else
            redis.call('HDEL', 'realtime:versions', project)
        end
    end
end
"""

_LEASE = """
-- Redis has forgotten a process that writes without a lease. It gets one, as nobody else would
-- take away what it writes, should it end before it renews; and a mark, by which `renew` tells it.
local function ensure_lease(process, seconds)
    if live[process] then return end
    redis.call('ZADD', 'realtime:processes', now + tonumber(seconds), process)
    redis.call('HSET', 'realtime:lists', process, 'lost')
end
"""

RENEW = (
    _LIVE
    + """
redis.call('ZADD', 'realtime:processes', now + tonumber(ARGV[2]), ARGV[1])
return {live[ARGV[1]] and 1 or 0, redis.call('HGET', 'realtime:lists', ARGV[1])}
"""
)

RECALL = """
redis.call('DEL', 'realtime:sockets:' .. ARGV[1])
redis.call('HDEL', 'realtime:lists', ARGV[1])
return redis.call('SMEMBERS', 'realtime:process:' .. ARGV[1])
"""

SYNC = (
    _LIVE
    + _STAMP
    + _LEASE
    + """
local process, version, change = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local touched = {}
ensure_lease(process, ARGV[6])

for user, open in pairs(change.open_here) do
    if open == 0 then
        redis.call('HDEL', 'realtime:sockets:' .. process, user)
    else
        redis.call('HSET', 'realtime:sockets:' .. process, user, open)
    end
end

for _, entry in ipairs(change.entering) do
    local project, user, username = unpack(entry)
    redis.call('HSET', 'realtime:room:' .. project, process .. ':' .. user, username)
    redis.call('SADD', 'realtime:process:' .. process, project .. ':' .. user)
    touched[project] = true
end

local outcomes = {}
for _, place in ipairs(change.leaving) do
    local project, user = unpack(place)
    local removed = redis.call('HDEL', 'realtime:room:' .. project, process .. ':' .. user)
    redis.call('SREM', 'realtime:process:' .. process, project .. ':' .. user)
    if removed == 1 then touched[project] = true end
    if is_present(project, user) then
        table.insert(outcomes, 'elsewhere')
    else
        table.insert(outcomes, removed == 1 and 'gone' or 'unlisted')
    end
end

stamp(touched, version)
-- Onto a list that is not the one that was left here, nothing is written that looks right.
local before = redis.call('HGET', 'realtime:lists', process) or ''
local is_known = before == version or before == ARGV[4] or before == ARGV[5]
redis.call('HSET', 'realtime:lists', process, is_known and version or 'lost')
-- A process that Redis has forgotten cannot know whether the others are forgotten, too.
return {live[process] and is_alone(process) and 1 or 0, outcomes}
"""
)

MEMBERS = (
    _LIVE
    + """
local answer = {}
for _, project in ipairs(ARGV) do
    local flat = {}
    local entries = redis.call('HGETALL', 'realtime:room:' .. project)
    for i = 1, #entries, 2 do
        local process, user = string.match(entries[i], '^(.-):(.*)$')
        if live[process] then
            table.insert(flat, user)
            table.insert(flat, entries[i + 1])
        end
    end
    table.insert(answer, flat)
end
return answer
"""
)

REAP = (
    _LIVE
    + _STAMP
    + """
local process, version, is_ending = ARGV[1], ARGV[2], ARGV[3] == '1'
local dead = redis.call('ZRANGEBYSCORE', 'realtime:processes', '-inf', now)
if is_ending then table.insert(dead, process) end
local candidates, touched = {}, {}
for _, ended in ipairs(dead) do
    live[ended] = nil
    for _, entry in ipairs(redis.call('SMEMBERS', 'realtime:process:' .. ended)) do
        local project, user = string.match(entry, '^(.-):(.*)$')
        redis.call('HDEL', 'realtime:room:' .. project, ended .. ':' .. user)
        candidates[entry] = {project, user}
        touched[project] = true
    end
    redis.call('DEL', 'realtime:process:' .. ended, 'realtime:sockets:' .. ended)
    redis.call('ZREM', 'realtime:processes', ended)
    redis.call('HDEL', 'realtime:lists', ended)
end
stamp(touched, version)
local gone = {}
for _, place in pairs(candidates) do
    if not is_present(place[1], place[2]) then table.insert(gone, place) end
end
return {is_alone(process) and 1 or 0, gone}
"""
)

CONNECT = (
    _LIVE
    + _LEASE
    + """
local answer = {}
ensure_lease(ARGV[1], ARGV[3])
for i = 4, #ARGV, 2 do
    local open = tonumber(ARGV[i + 1])
    for process in pairs(live) do
        if process ~= ARGV[1] then
            local elsewhere = redis.call('HGET', 'realtime:sockets:' .. process, ARGV[i])
            open = open + tonumber(elsewhere or 0)
        end
    end
    if open > tonumber(ARGV[2]) then
        table.insert(answer, 0)
    else
        redis.call('HSET', 'realtime:sockets:' .. ARGV[1], ARGV[i], ARGV[i + 1])
        table.insert(answer, 1)
    end
end
return answer
"""
)
