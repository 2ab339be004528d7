-- Gives a conversation to another assistant: from here on its new messages go to that one's log, behind a hold; the drain in the
-- old log tells the old owner to move over what is left.
--
-- KEYS[1]  the old log's fence: <prefix>:{<partition>}:fence:<old assistant>
-- KEYS[2]  the old log: <prefix>:{<partition>}:log:<old assistant>
-- KEYS[3]  the new log: <prefix>:{<partition>}:log:<new assistant>
-- KEYS[4]  who holds the conversation: <prefix>:{<partition>}:conv:<conversation>
-- KEYS[5]  the old log's drains: <prefix>:{<partition>}:drains:<old assistant>
-- ARGV[1]  the old owner's epoch when one of its turns decided this, else ""
-- ARGV[2], [3]  the old assistant, the new one
-- ARGV[4]  now, milliseconds since 1970
-- ARGV[5]  how long a holder is remembered, milliseconds
-- ARGV[6]  the conversation
-- ARGV[7]  of a turn: the id of its entry, which leaves the old log. When it has left already, nothing happens: a call whose
--          answer was lost may be repeated, and is told of the drain ("overtaken") for as long as that stands.
-- ARGV[8]  of a turn: 1 when it answered the entry's message, 0 when the new assistant is to do that
-- ARGV[9]  1 when somebody serves the old assistant, else 0
-- ARGV[10...] of a turn that has not answered: the message's fields and values, alternating
--
-- Returns "draining", the new assistant, the hold's id and the drain's; or "overtaken" and the same of the first drain behind a
-- turn's message: somebody has given the conversation away meanwhile; or "assigned" when nobody had the conversation; or
-- "unchanged"; or "other" when the old assistant does not have it; or "fenced" when a later owner exists. In the last two cases
-- nothing was done.
local epoch, old, new, now, ttl, conversation, entry, answered, served = unpack(ARGV, 1, 9)
if epoch ~= "" then
    local fence = redis.call("GET", KEYS[1])
    if fence and tonumber(fence) > tonumber(epoch) then return { "fenced" } end
end

-- Those before a turn's message have been moved over: what is left is behind it. A line for each: drain, hold, assistant.
local drains = redis.call("HGET", KEYS[5], conversation) or ""
if epoch ~= "" and drains ~= "" then
    if answered == "1" then redis.call("XDEL", KEYS[2], entry) end
    local drain, hold, assistant = string.match(drains, "^(%S+) (%S+) ([^\n]*)")
    return { "overtaken", assistant, hold, drain }
end
if epoch ~= "" and #redis.call("XRANGE", KEYS[2], entry, entry) == 0 then return { "unchanged" } end

local function hold_by(latest, last)
    redis.call("SET", KEYS[4], "1 " .. latest .. " " .. last .. " " .. new, "PX", ttl)
end

local function append(log, id, notice)
    return redis.call("XADD", log, "*", "conv", conversation, "id", id, "kind", "system", "at", now, "to", "",
        "trace", "", "notice", notice)
end

local latest, last, name = now, "", nil
local held = redis.call("GET", KEYS[4])
if held then latest, last, name = string.match(held, "^%d (%d+) (%S*) (.*)$") end

if epoch == "" then
    if name and name ~= old then return { "other" } end
    if name == new then return { "unchanged" } end
    local unsettled = last ~= "" and #redis.call("XRANGE", KEYS[2], last, last) > 0
    if not name or (served == "0" and not unsettled) then
        hold_by(now, "")
        return { "assigned" }
    end
end
-- First, so that full memory does not keep a turn from ending, as in open.lua.
if entry ~= "" then redis.call("XDEL", KEYS[2], entry) end
local hold = append(KEYS[3], "hold", "hold")
local drain = append(KEYS[2], "drain", "drain " .. hold .. " " .. new)
redis.call("HSET", KEYS[5], conversation, drains .. drain .. " " .. hold .. " " .. new .. "\n")
if entry ~= "" and answered == "0" then redis.call("XADD", KEYS[3], "*", "moved", hold, unpack(ARGV, 10)) end
-- The hold is settled after all that is moved over: until then, something is unsettled.
hold_by(latest, hold)
return { "draining", new, hold, drain }
