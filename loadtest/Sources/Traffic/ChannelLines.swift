/// The WhatsApp numbers that the load comes through: for each assistant an Evolution instance and a Cloud API number, which the
/// target must know.
struct ChannelLines: Sendable, Codable {
    /// Of the instances' names.
    let prefix: String
    let assistants: [String]

    init(prefix: String, assistants: [String]) {
        self.prefix = prefix
        self.assistants = assistants.sorted()
    }

    func instance(of assistant: String) -> String { self.prefix + assistant }

    func phoneNumberID(of assistant: String) -> String {
        "9000000000000\(10 + (self.assistants.firstIndex(of: assistant) ?? 0))"
    }

    /// The target's `channels`, in YAML, with replies that go to the sink.
    ///
    /// - Parameter sink: its URL, seen from the target.
    func configuration(sink: String) -> [String] {
        ["channels:"]
            + self.assistants.flatMap { assistant in
                [
                    "  \"\(self.instance(of: assistant))\": "
                        + "{ kind: evolution, base_url: \"\(sink)\", key: carga, assistant: \(assistant) }",
                    "  \"\(self.phoneNumberID(of: assistant))\": "
                        + "{ kind: meta, base_url: \"\(sink)\", key: carga, assistant: \(assistant) }",
                ]
            }
    }
}
