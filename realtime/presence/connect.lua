-- Count, one after the other, sockets of users; return for each 0 if they are too many.
local process, limit, seconds = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local answer = {}
ensure_lease(process, seconds)
for i = 4, #ARGV, 2 do
    local open = tonumber(ARGV[i + 1])
    for other in pairs(live) do
        if other ~= process then
            local elsewhere = redis.call('HGET', 'realtime:sockets:' .. other, ARGV[i])
            open = open + (tonumber(elsewhere or 0) or 0)  -- a foreign entry is no number
        end
    end
    if open > limit then
        table.insert(answer, 0)
    else
        redis.call('HSET', 'realtime:sockets:' .. process, ARGV[i], ARGV[i + 1])
        table.insert(answer, 1)
    end
end
return answer
