-- Return, for each room, its users and their names: those of processes whose lease runs.
local answer = {}
for _, room in ipairs(ARGV) do
    local flat = {}
    local entries = redis.call('HGETALL', 'realtime:room:' .. room)
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
