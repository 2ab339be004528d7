-- Moves entries of a conversation to another assistant's log, in order. Messages are marked with the hold that they are moved
-- for, a drain becomes its release.
--
-- KEYS[1]  the old log's fence: <prefix>:{<partition>}:fence:<old assistant>
-- KEYS[2]  the old log: <prefix>:{<partition>}:log:<old assistant>
-- KEYS[3]  the new log: <prefix>:{<partition>}:log:<new assistant>
-- KEYS[4]  the old log's drains: <prefix>:{<partition>}:drains:<old assistant>
-- ARGV[1]  the caller's epoch
-- ARGV[2]  the hold's id
-- ARGV[3...]  ids. Those that are gone already are no error.
--
-- Returns how many were moved, or -1 when a later owner exists: nothing was moved then.
local fence = redis.call("GET", KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return -1 end
local moved = 0
for i = 3, #ARGV do
    local entry = redis.call("XRANGE", KEYS[2], ARGV[i], ARGV[i])[1]
    if entry then
        -- First, so that full memory does not prevent the rest, as in open.lua.
        moved = moved + redis.call("XDEL", KEYS[2], ARGV[i])
        local fields, is_drain, conversation = {}, false, ""
        for j = 1, #entry[2], 2 do
            local field, value = entry[2][j], entry[2][j + 1]
            if field == "notice" then is_drain, value = true, "release " .. ARGV[2] end
            if field == "conv" then conversation = value end
            if field ~= "moved" then
                fields[#fields + 1] = field
                fields[#fields + 1] = value
            end
        end
        if is_drain then
            local left = ""
            for line in string.gmatch(redis.call("HGET", KEYS[4], conversation) or "", "[^\n]+") do
                if string.match(line, "^%S+") ~= ARGV[i] then left = left .. line .. "\n" end
            end
            if left == "" then
                redis.call("HDEL", KEYS[4], conversation)
            else
                redis.call("HSET", KEYS[4], conversation, left)
            end
        else
            fields[#fields + 1] = "moved"
            fields[#fields + 1] = ARGV[2]
        end
        redis.call("XADD", KEYS[3], "*", unpack(fields))
    end
end
return moved
