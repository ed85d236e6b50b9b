-- Renew a lease. Return whether it ran, and the version of the process's list.
local process, seconds = ARGV[1], ARGV[2]
redis.call('ZADD', 'realtime:processes', now + tonumber(seconds), process)
return {live[process] and 1 or 0, redis.call('HGET', 'realtime:lists', process)}
