/// The log's scripts. Each file opens with its contract; producers in other languages call the same `append.lua`.
package enum RedisLogScripts {
    package static let append = RedisScript(String(decoding: PackageResources.append_lua, as: UTF8.self))
    package static let settle = RedisScript(String(decoding: PackageResources.settle_lua, as: UTF8.self))
    static let open = RedisScript(String(decoding: PackageResources.open_lua, as: UTF8.self))
}
