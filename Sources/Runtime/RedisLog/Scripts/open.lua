-- Raises a partition's fence for its new owner.
--
-- KEYS[1]  the log: <prefix>:{<partition>}:log:<assistant>
-- KEYS[2]  its fence: <prefix>:{<partition>}:fence:<assistant>
-- KEYS[3]  its timers' times: <prefix>:{<partition>}:times:<assistant>
-- KEYS[4]  its drains: <prefix>:{<partition>}:drains:<assistant>
-- ARGV[1]  the owner's epoch
--
-- Returns the id of the latest entry ("0-0" when there is none), when the next timer is due ("" when there is none), and the
-- drains, each as XRANGE gives it; or nothing when a later owner exists.
local fence = redis.call("GET", KEYS[2])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return {} end
-- A server whose memory is full refuses SET, unless the script has written before: then too somebody must drain the log.
redis.call("DEL", KEYS[2])
redis.call("SET", KEYS[2], ARGV[1])
local latest = redis.call("XREVRANGE", KEYS[1], "+", "-", "COUNT", 1)
local due = redis.call("ZRANGE", KEYS[3], 0, 0, "WITHSCORES")
local result = { latest[1] and latest[1][1] or "0-0", due[2] or "" }
for _, lines in ipairs(redis.call("HVALS", KEYS[4])) do
    for id in string.gmatch(lines, "(%S+) [^\n]*") do
        local entry = redis.call("XRANGE", KEYS[1], id, id)[1]
        if entry then result[#result + 1] = entry end
    end
end
return result
