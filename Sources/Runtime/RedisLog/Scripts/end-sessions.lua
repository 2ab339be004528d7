-- Makes an assistant let go of conversations whose contacts have not written since.
--
-- KEYS[1]  the log's fence: <prefix>:{<partition>}:fence:<assistant>
-- KEYS[2...] who holds each conversation: <prefix>:{<partition>}:conv:<conversation>
-- ARGV[1]  the caller's epoch
-- ARGV[2]  the assistant
-- ARGV[3...] for each conversation, when its contact wrote last (milliseconds since 1970)
--
-- Returns how many were let go, or -1 when a later owner exists: nothing was done then.
local fence = redis.call("GET", KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return -1 end
local ended = 0
for i = 2, #KEYS do
    local held = redis.call("GET", KEYS[i])
    if held then
        local latest, name = string.match(held, "^%d (%d+) %S* (.*)$")
        if name == ARGV[2] and tonumber(latest) <= tonumber(ARGV[i + 1]) then
            ended = ended + redis.call("DEL", KEYS[i])
        end
    end
end
return ended
