-- Sets timers, each in the place of its conversation's earlier one.
--
-- KEYS[1]  the timers' times: <prefix>:{<partition>}:times:<assistant>
-- KEYS[2]  the timers: <prefix>:{<partition>}:timers:<assistant>
-- KEYS[3]  the log's fence: <prefix>:{<partition>}:fence:<assistant>
-- ARGV[1]  the caller's epoch
-- then for each timer: when it is due (milliseconds since 1970), its conversation, the timer. At most 1000.
--
-- Returns how many were set, or -1 when a later owner exists: nothing was set then.
local fence = redis.call("GET", KEYS[3])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return -1 end
for i = 2, #ARGV, 3 do
    -- Full memory must not prevent it, as in open.lua: what is to be settled waits for its timer.
    redis.call("ZREM", KEYS[1], ARGV[i + 1])
    redis.call("ZADD", KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call("HSET", KEYS[2], ARGV[i + 1], ARGV[i + 2])
end
return (#ARGV - 1) / 3
