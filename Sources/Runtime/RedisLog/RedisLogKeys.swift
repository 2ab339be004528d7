import CardumeCore

/// The names of the log's keys. All keys of a partition carry its number as their hash tag, so that one script may touch them,
/// in a cluster too.
///
/// | Key | Type | Until |
/// |---|---|---|
/// | `<prefix>:partitions` | string | for ever |
/// | `<prefix>:birth` | string: what this life of the log is called | for ever |
/// | `<prefix>:{<n>}:log:<assistant>` | stream | its entries are settled |
/// | `<prefix>:{<n>}:fence:<assistant>` | string | for ever |
/// | `<prefix>:{<n>}:times:<assistant>` | sorted set: conversations by the time of their timer | it is empty |
/// | `<prefix>:{<n>}:timers:<assistant>` | hash: a conversation's timer, as JSON | it is empty |
/// | `<prefix>:{<n>}:drains:<assistant>` | hash: where a conversation has gone that has not been moved over yet | it is empty |
/// | `<prefix>:{<n>}:seen:<conversation>:<message id>` | string | the deduplication window has passed |
/// | `<prefix>:{<n>}:replay:<number>:<conversation>:<message id>` | string: of a dead letter that runs again | the same |
/// | `<prefix>:{<n>}:conv:<conversation>` | string | a week after the session |
struct RedisLogKeys: Sendable {
    let prefix: String

    var partitionCount: String { "\(self.prefix):partitions" }

    var birth: String { "\(self.prefix):birth" }

    func log(_ partition: Partition.ID) -> String { "\(self.tagged(partition.number)):log:\(partition.queue)" }

    func fence(_ partition: Partition.ID) -> String { "\(self.tagged(partition.number)):fence:\(partition.queue)" }

    func drains(_ partition: Partition.ID) -> String {
        "\(self.tagged(partition.number)):drains:\(partition.queue)"
    }

    func timerTimes(_ partition: Partition.ID) -> String {
        "\(self.tagged(partition.number)):times:\(partition.queue)"
    }

    func timers(_ partition: Partition.ID) -> String {
        "\(self.tagged(partition.number)):timers:\(partition.queue)"
    }

    func seen(_ message: InboundMessage, in number: Int) -> String {
        guard let replay = message.replay else {
            return "\(self.tagged(number)):seen:\(message.conversation):\(message.id)"
        }
        return "\(self.tagged(number)):replay:\(replay.number):\(message.conversation):\(message.id)"
    }

    func holder(of conversation: Conversation.ID, in number: Int) -> String {
        "\(self.tagged(number)):conv:\(conversation)"
    }

    func slot(of number: Int) -> RedisSlot { RedisSlot(key: self.tagged(number)) }

    private func tagged(_ number: Int) -> String { "\(self.prefix):{\(number)}" }
}
