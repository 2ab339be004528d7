import HotPaths

/// What is counted: `scripts/count-instructions` knows it by name, so that no optimiser may make two of it.
@inline(never) @_optimize(none)
func counted(_ path: inout any HotPath, _ count: Int) -> Int {
    path.run(count)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty {
    for type in hotPaths { print(type.name) }
} else if let type = hotPaths.first(where: { $0.name == arguments.first }),
    let count = arguments.dropFirst().first.flatMap({ Int($0) }), count > 0, count % 100 == 0
{
    var path: any HotPath = type.init()
    // What happens only at first does not count: tables that are made when they are needed, collections that grow.
    _ = path.run(1_000)
    print(counted(&path, count))
} else {
    print("usage: InstructionCount [NAME COUNT]   COUNT is a multiple of 100; without, prints the names")
}
