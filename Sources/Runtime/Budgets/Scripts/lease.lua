-- Grants calls of one budget to one worker: what BudgetLedger.swift does, number for number, on this server's clock. There is
-- also what the two rules (pace and window) are for.
--
-- KEYS[1]  the budget: <prefix>:{budget:<name>}:window, a hash. `at`: when the levels were computed; `lr`, `lt`: levels of
--          requests and tokens; `slice`: the current slice of 250 ms; `r`, `t`: what is charged to the window; `cw`, `ct`, `cu`:
--          worker, tokens and end of a claim; `closed`: until when nobody may call; <slice>: "requests tokens" charged to it
-- KEYS[2]  its workers: <prefix>:{budget:<name>}:workers, a hash of "demand at" by worker
-- ARGV[1]  worker
-- ARGV[2], [3]  limits of requests and tokens in a minute; 0 for none
-- ARGV[4], [5], [6]  calls that could begin now, the tokens they need together, and the first of them
-- ARGV[7]  calls that wait at this worker
-- ARGV[8]  milliseconds for which nobody may call, because the model's server said so
-- ARGV[9...]  what is given back: slice, requests, tokens; and so on
--
-- Returns calls and tokens granted, the slice to which they are charged, what all workers want together, the number of workers,
-- milliseconds until anybody gets more, and those for which the server wants to be left alone.
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local SLICE, SLICES, WINDOW, LIFE = 250, 245, 61250, 600000
local worker = ARGV[1]
local limits = {tonumber(ARGV[2]), tonumber(ARGV[3])}
local calls, tokens, first = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local demand = tonumber(ARGV[7])

local names = {"at", "lr", "lt", "slice", "r", "t", "cw", "ct", "cu", "closed"}
local state = {}
for i, value in ipairs(redis.call("HMGET", KEYS[1], unpack(names))) do state[names[i]] = value or nil end
local at = tonumber(state.at)
-- Another server's clock, far behind: on it nothing would flow until it has caught up. All begins anew.
if at and at - now > WINDOW then
    redis.call("DEL", KEYS[1], KEYS[2])
    state, at = {}, nil
end
if at and now < at then now = at end
local slice = math.floor(now / SLICE)
local charged = {tonumber(state.r) or 0, tonumber(state.t) or 0}
local levels = {tonumber(state.lr) or 0, tonumber(state.lt) or 0}

local function burst(limit) return math.max(1, limit / 60) end

-- Time has passed.
if not at then
    for i = 1, 2 do levels[i] = limits[i] > 0 and burst(limits[i]) or 0 end
else
    local current = tonumber(state.slice)
    if slice - current >= SLICES then
        redis.call("DEL", KEYS[1])
        charged = {0, 0}
    elseif slice > current then
        local leaving = {}
        for left = current - SLICES + 1, slice - SLICES do leaving[#leaving + 1] = left end
        for _, charge in ipairs(redis.call("HMGET", KEYS[1], unpack(leaving))) do
            if charge then
                local r, t = string.match(charge, "^(%S+) (%S+)$")
                charged = {charged[1] - tonumber(r), charged[2] - tonumber(t)}
            end
        end
        redis.call("HDEL", KEYS[1], unpack(leaving))
    end
    for i = 1, 2 do
        if limits[i] > 0 then
            levels[i] = math.min(burst(limits[i]), levels[i] + (now - at) * limits[i] / WINDOW)
        else
            levels[i] = 0
        end
    end
end

local function charge(name, r, t)
    local old_r, old_t = string.match(redis.call("HGET", KEYS[1], name) or "0 0", "^(%S+) (%S+)$")
    redis.call("HSET", KEYS[1], name, string.format("%d %d", tonumber(old_r) + r, tonumber(old_t) + t))
    charged = {charged[1] + r, charged[2] + t}
end

for i = 9, #ARGV, 3 do
    local back = {tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])}
    if redis.call("HEXISTS", KEYS[1], ARGV[i]) == 1 then charge(ARGV[i], -back[1], -back[2]) end
    for k = 1, 2 do
        if limits[k] > 0 then levels[k] = math.min(burst(limits[k]), levels[k] + back[k]) end
    end
end
local closed = math.max(tonumber(state.closed) or 0, now + tonumber(ARGV[8]))

-- What all want together.
redis.call("HSET", KEYS[2], worker, string.format("%d %d", demand, now))
local total, workers = 0, 0
local known = redis.call("HGETALL", KEYS[2])
for i = 1, #known, 2 do
    local wanted, since = string.match(known[i + 1], "^(%d+) (%d+)$")
    since = now - tonumber(since)
    if since > LIFE then
        redis.call("HDEL", KEYS[2], known[i])
    else
        workers = workers + 1
        if since <= 1000 then total = total + tonumber(wanted) end
    end
end
local share = demand / math.max(total, 1)

local function tokens_for(count)
    if count <= 0 then return 0 end
    if count == calls then return tokens end
    return math.max(first, math.floor(tokens * count / calls))
end

-- Calls that the pace lets begin: the worker's share of what may flow, but one as long as anything may.
local paced = 0
if calls > 0 and now >= closed then
    paced = calls
    if limits[1] > 0 then
        paced = levels[1] > 0 and math.min(paced, math.max(1, math.floor(levels[1] * share))) or 0
    end
    if paced > 0 and limits[2] > 0 then
        local each = math.max(tokens, 1) / calls
        paced = levels[2] > 0 and math.min(paced, math.max(1, math.floor(levels[2] * share / each))) or 0
    end
end

-- Of them, those for which the window has room. A call that finds none claims it.
local granted = paced
if limits[1] > 0 then granted = math.min(granted, math.max(0, limits[1] - charged[1])) end
local claim = state.cw and tonumber(state.cu) > now and state.cw
if granted > 0 and limits[2] > 0 then
    local others = claim and claim ~= worker
    local room = limits[2] - charged[2] - (others and tonumber(state.ct) or 0)
    if tokens_for(granted) > room then
        granted = math.min(granted, math.floor(math.max(0, room) * calls / math.max(tokens, 1)))
        if granted == 0 or tokens_for(granted) > room then granted = first <= room and 1 or 0 end
        if granted == 1 and tokens_for(1) > room then granted = 0 end
    end
    if granted == 0 and not others then
        redis.call("HSET", KEYS[1], "cw", worker, "ct", first, "cu", now + 1000)
    end
end

local given = tokens_for(granted)
if granted > 0 then
    charge(tostring(slice), granted, given)
    levels = {levels[1] - granted, levels[2] - given}
    if state.cw == worker then redis.call("HDEL", KEYS[1], "cw", "ct", "cu") end
end
redis.call(
    "HSET", KEYS[1], "at", now, "lr", levels[1], "lt", levels[2], "slice", slice, "r", charged[1], "t", charged[2],
    "closed", closed)
-- What nobody asks for is forgotten; a server's wish is kept for as long as it says.
redis.call("PEXPIRE", KEYS[1], math.max(LIFE, closed - now))
redis.call("PEXPIRE", KEYS[2], LIFE)

local opens = math.max(0, closed - now)
for i = 1, 2 do
    if limits[i] > 0 and levels[i] <= 0 then
        opens = math.max(opens, math.ceil(-levels[i] * WINDOW / limits[i]) + 1)
    end
end
if paced > 0 and granted == 0 then opens = math.max(opens, SLICE) end
return {granted, given, slice, total, workers, opens, math.max(0, closed - now)}
