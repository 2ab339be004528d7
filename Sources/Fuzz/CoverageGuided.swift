#if CARDUME_COVERAGE
import Foundation

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["CARDUME_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let known = FuzzTarget.all.map(\.name).joined(separator: ", ")
        FileHandle.standardError.write(Data("cardume-fuzz: CARDUME_FUZZ_TARGET is none of \(known)\n".utf8))
        exit(64)
    }
    return target
}()

/// Called by libFuzzer, whose `main` is this program's in this build.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
#endif
