-- Forget the version and the sockets of a process. Return the entries of its list.
local process = ARGV[1]
redis.call('DEL', 'realtime:sockets:' .. process)
redis.call('HDEL', 'realtime:lists', process)
return redis.call('SMEMBERS', 'realtime:process:' .. process)
