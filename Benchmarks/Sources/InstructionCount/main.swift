import HotPaths

/// Runs one path as often as told, and nothing else. `scripts/count-instructions` takes the difference of two such processes.
let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty {
    for type in hotPaths { print(type.name) }
} else if let type = hotPaths.first(where: { $0.name == arguments.first }),
    let count = arguments.dropFirst().first.flatMap({ Int($0) }), count > 0, count % 100 == 0
{
    var path: any HotPath = type.init()
    print(path.run(count))
} else {
    print("usage: InstructionCount [NAME COUNT]   COUNT is a multiple of 100; without, prints the names")
}
