#if CARDUME_COVERAGE
import Foundation

/// libFuzzer's own `main` would not do: the package manager links every program with `main` set to the entry of its module.
@main
struct CoverageGuided {
    static func main() {
        var count = CommandLine.argc
        // Never copied by libFuzzer, which expects them to live as long as the process; so they do.
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments, fuzzOneInput))
    }
}

private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["CARDUME_FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let known = FuzzTarget.all.map(\.name).joined(separator: ", ")
        FileHandle.standardError.write(Data("cardume-fuzz: CARDUME_FUZZ_TARGET is none of \(known)\n".utf8))
        exit(64)
    }
    return target
}()

private typealias OneInput = @convention(c) (_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt

private let fuzzOneInput: OneInput = { bytes, count in
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}

// No header of it comes with the toolchain. Pointers and integers are passed alike by Swift and by C where this is built.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ oneInput: OneInput
) -> CInt
#endif
