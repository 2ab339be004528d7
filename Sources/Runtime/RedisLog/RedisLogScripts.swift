/// The log's scripts. Each file opens with its contract; producers in other languages call the same `append.lua`.
package enum RedisLogScripts {
    package static let append = RedisScript(String(decoding: PackageResources.append_lua, as: UTF8.self))
    package static let settle = RedisScript(String(decoding: PackageResources.settle_lua, as: UTF8.self))
    static let transfer = RedisScript(String(decoding: PackageResources.transfer_lua, as: UTF8.self))
    static let move = RedisScript(String(decoding: PackageResources.move_lua, as: UTF8.self))
    static let setTimers = RedisScript(String(decoding: PackageResources.set_timers_lua, as: UTF8.self))
    static let fireTimers = RedisScript(String(decoding: PackageResources.fire_timers_lua, as: UTF8.self))
    static let endSessions = RedisScript(String(decoding: PackageResources.end_sessions_lua, as: UTF8.self))
    static let open = RedisScript(String(decoding: PackageResources.open_lua, as: UTF8.self))
}
