-- Removes entries whose turns the journal has committed.
--
-- KEYS[1]  the log: <prefix>:{<partition>}:log:<assistant>
-- KEYS[2]  its fence: <prefix>:{<partition>}:fence:<assistant>
-- ARGV[1]  the caller's epoch
-- ARGV[2...]  ids, at most 1000. Those that are gone already are no error.
--
-- Returns how many were removed, or -1 when a later owner exists: nothing was removed then.
local fence = redis.call("GET", KEYS[2])
if fence ~= ARGV[1] then
    if fence and tonumber(fence) > tonumber(ARGV[1]) then return -1 end
    -- Lost in a failover or a flush; the lease itself is kept elsewhere. DEL first, as in open.lua.
    redis.call("DEL", KEYS[2])
    redis.call("SET", KEYS[2], ARGV[1])
end
return redis.call("XDEL", KEYS[1], unpack(ARGV, 2))
