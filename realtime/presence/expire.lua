-- Remove the entries of processes whose lease has run out, and of this one if it ends.
-- Return whether the process is alone, and the users who are not in a room any more.
local process, version, is_ending = ARGV[1], ARGV[2], ARGV[3] == '1'
local expired = redis.call('ZRANGEBYSCORE', 'realtime:processes', '-inf', now)
if is_ending then table.insert(expired, process) end
local candidates, touched = {}, {}
for _, ended in ipairs(expired) do
    live[ended] = nil
    for _, entry in ipairs(redis.call('SMEMBERS', 'realtime:process:' .. ended)) do
        local room, user = string.match(entry, '^([^:]*:[^:]*):(.*)$')
        if room then  -- an entry without two colons is not ours
            redis.call('HDEL', 'realtime:room:' .. room, ended .. ':' .. user)
            candidates[entry] = {room, user}
            touched[room] = true
        end
    end
    redis.call('DEL', 'realtime:process:' .. ended, 'realtime:sockets:' .. ended)
    redis.call('ZREM', 'realtime:processes', ended)
    redis.call('HDEL', 'realtime:lists', ended)
end
stamp(touched, version)
local gone = {}
for _, entry in pairs(candidates) do
    if not is_present(entry[1], entry[2]) then table.insert(gone, entry) end
end
return {is_alone(process) and 1 or 0, gone}
