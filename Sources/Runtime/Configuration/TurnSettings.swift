import CardumeCore

extension TurnPolicy {
    /// - Parameter section: an assistant's.
    init(_ section: ConfigurationSection) {
        let (debounce, late) = (section.section("debounce"), section.section("late"))
        self.init(
            debounce: Debounce(
                wait: debounce.duration("wait"), maximumWait: debounce.duration("max_wait"),
                maximumMessages: debounce.integer("max_messages")),
            onNewMessage: NewMessage(rawValue: section.text("on_new_message")) ?? .queue,
            late: Late(
                after: late.duration("after"), action: Late.Action(rawValue: late.text("action")) ?? .send,
                apology: late.text("apology")))
    }
}
