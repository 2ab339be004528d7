-- Counts a request in a sliding window, unless it is over the limit: that leaves no trace. `SlidingWindow` does the same in
-- memory.
--
-- KEYS[1]  the caller's stamps, oldest first: <prefix>:rate:{<dimension>:<hash of the caller>}
-- ARGV[1]  requests in any 60 seconds, from 1
-- ARGV[2]  of them, in any second; 0 for no such limit
--
-- Returns whether it is allowed (1 or 0), how many more would pass at once, in how many microseconds that number grows, and
-- the request's stamp: microseconds since 1970 on this server's clock, as text.
local second, minute = 1000000, 60000000
local limit, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * second + time[2]
local function stamp(index) return tonumber(redis.call("LINDEX", KEYS[1], index) or "0") end
-- The server that took over from another may be behind its clock.
local newest = stamp(-1)
if newest > now then now = newest end
local count = redis.call("LLEN", KEYS[1])
while count > 0 and stamp(0) <= now - minute do
    redis.call("LPOP", KEYS[1])
    count = count - 1
end

-- How many would pass now, and in how many microseconds that number grows.
local function standing()
    local places, wait = math.max(0, limit - count), 0
    if count > 0 then wait = stamp(math.max(0, count - limit)) + minute - now end
    if burst == 0 then return places, wait end
    local recent = redis.call("LRANGE", KEYS[1], -burst, -1)
    local first = 1
    while recent[first] and tonumber(recent[first]) <= now - second do first = first + 1 end
    local rest = burst - (#recent - first + 1)
    local soon = recent[first] and tonumber(recent[first]) + second - now or 0
    if rest < places then return rest, soon end
    if rest == places then return places, math.max(wait, soon) end
    return places, wait
end

local places, wait = standing()
local taken = string.format("%.0f", now)
if places == 0 then return { 0, 0, wait, taken } end
redis.call("RPUSH", KEYS[1], taken)
redis.call("PEXPIRE", KEYS[1], minute / 1000 + 1000)
count = count + 1
places, wait = standing()
return { 1, places, wait, taken }
