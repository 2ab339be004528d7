-- Takes due timers away and appends their messages to the log, unless the contact has written since or another assistant holds
-- the conversation by now.
--
-- KEYS[1]  the log: <prefix>:{<partition>}:log:<assistant>
-- KEYS[2]  its fence: <prefix>:{<partition>}:fence:<assistant>
-- KEYS[3]  the timers' times: <prefix>:{<partition>}:times:<assistant>
-- KEYS[4]  the timers: <prefix>:{<partition>}:timers:<assistant>
-- KEYS[5...] for each timer, who holds its conversation: <prefix>:{<partition>}:conv:<conversation>
-- ARGV[1]  the caller's epoch
-- ARGV[2]  the assistant
-- ARGV[3]  how long a holder is remembered, milliseconds
-- then for each timer: its conversation, the timer as the caller read it (one that was set anew since stays), when the contact
--   wrote last, the number of arguments that follow, and these: the entry's fields and values, alternating; none for what is
--   only to be taken away.
--
-- Returns when the next timer is due, "" when there is none, or -1 when a later owner exists: nothing was done then.
local fence = redis.call("GET", KEYS[2])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return -1 end

local arg = 4
for key = 5, #KEYS do
    local conversation, timer, wrote, count = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3])
    local first, last = arg + 4, arg + 3 + count
    arg = last + 1
    if (redis.call("HGET", KEYS[4], conversation) or "") == timer then
        redis.call("ZREM", KEYS[3], conversation)
        redis.call("HDEL", KEYS[4], conversation)
        -- A closed conversation has no holder: until this entry is settled, nobody else may answer.
        local chosen, latest, name = "0", wrote, ARGV[2]
        local held = redis.call("GET", KEYS[key])
        if held then chosen, latest, name = string.match(held, "^(%d) (%d+) %S* (.*)$") end
        if count > 0 and name == ARGV[2] and tonumber(latest) <= tonumber(wrote) then
            local id = redis.call("XADD", KEYS[1], "*", unpack(ARGV, first, last))
            redis.call("SET", KEYS[key], chosen .. " " .. latest .. " " .. id .. " " .. name, "PX", ARGV[3])
        end
    end
end
local due = redis.call("ZRANGE", KEYS[3], 0, 0, "WITHSCORES")
return due[2] or ""
