-- Appends messages of one partition, at most 1000, to its logs: drops those seen before, finds out which assistant holds each
-- conversation, and adds the rest, in order. All of it or, when Redis refuses the first write, none.
--
-- KEYS[1..n]       the partition's log of each assistant the producer knows: <prefix>:{<partition>}:log:<assistant>
-- KEYS[n+1], [n+2] for each message: <prefix>:{<partition>}:seen:<conversation>:<message id>
--                                and <prefix>:{<partition>}:conv:<conversation>
-- ARGV[1]  n: how many assistants are named
-- ARGV[2]  how many of them, from the first, have somebody who answers. The others' conversations are taken from them as
--          soon as nothing of them is unsettled.
-- ARGV[3]  deduplication window, milliseconds
-- ARGV[4]  session, milliseconds: how long a silent conversation stays with its assistant
-- ARGV[5..4+n]  the assistants' names, in the order of their logs
-- then for each message:
--   when it was received (milliseconds since 1970), the assistant it starts with if its conversation is new (1..n),
--   1 if that assistant was chosen or 0 if the contact is to be shown a menu, the number of arguments that follow,
--   and these: the entry's fields and values, alternating.
--
-- Returns two values for each message: the number of its assistant and the entry's id;
-- or 0 and "" when it was seen before; or -1 and a name when an assistant that is not named here holds the conversation:
-- nothing was written for that message; call again and name that assistant, too.
local n, served = tonumber(ARGV[1]), tonumber(ARGV[2])
local window, session = tonumber(ARGV[3]), tonumber(ARGV[4])
local results = {}
local key, arg = n + 1, 5 + n

local function is_unsettled(log, id)
    return id ~= "" and #redis.call("XRANGE", log, id, id) > 0
end

-- A conversation's entries are settled in order: when its latest is gone, all are.
local function resolve(held, at, route, chosen)
    local was_chosen, latest, last, name = string.match(held, "^(%d) (%d+) (%S*) (.*)$")
    local holder
    for i = 1, n do
        if ARGV[4 + i] == name then holder = i break end
    end
    if not holder then return nil, name end
    if was_chosen == "1" and holder <= served and at - tonumber(latest) < session then return holder, "1" end
    if is_unsettled(KEYS[holder], last) then return holder, was_chosen end
    return route, chosen
end

-- Who holds each conversation, by key: read at once and written once, however many messages the call has.
local holders, changed = {}, {}
local names = {}
for i = n + 2, #KEYS, 2 do names[#names + 1] = KEYS[i] end
if #names == 0 then return results end
for i, held in ipairs(redis.call("MGET", unpack(names))) do holders[names[i]] = held end

while key < #KEYS do
    local at, count = tonumber(ARGV[arg]), tonumber(ARGV[arg + 3])
    local assistant, chosen = tonumber(ARGV[arg + 1]), ARGV[arg + 2]
    local first, last = arg + 4, arg + 3 + count
    arg = last + 1
    local name = KEYS[key + 1]
    local held = holders[name]
    local unknown
    if held then
        assistant, chosen = resolve(held, at, assistant, chosen)
        if not assistant then unknown = chosen end
    end
    if unknown then
        results[#results + 1] = -1
        results[#results + 1] = unknown
    else
        local isNew = redis.call("SET", KEYS[key], ARGV[first - 4], "NX", "PX", window)
        if not isNew and at - tonumber(redis.call("GET", KEYS[key])) >= window then
            redis.call("SET", KEYS[key], at, "PX", window)
            isNew = true
        end
        if isNew then
            local id
            if chosen == "1" then
                id = redis.call("XADD", KEYS[assistant], "*", unpack(ARGV, first, last))
            else
                id = redis.call("XADD", KEYS[assistant], "*", "menu", "1", unpack(ARGV, first, last))
            end
            if not changed[name] then changed[#changed + 1] = name end
            changed[name] = true
            holders[name] = chosen .. " " .. ARGV[first - 4] .. " " .. id .. " " .. ARGV[4 + assistant]
            results[#results + 1] = assistant
            results[#results + 1] = id
        else
            results[#results + 1] = 0
            results[#results + 1] = ""
        end
    end
    key = key + 2
end
for _, name in ipairs(changed) do
    -- A week longer than the session: a conversation that still has unsettled entries then is routed anew.
    redis.call("SET", name, holders[name], "PX", session + 604800000)
end
return results
