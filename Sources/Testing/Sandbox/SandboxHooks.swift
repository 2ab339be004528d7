/// What somebody wants to know of the sandbox's servers as it happens. Called on whatever thread serves the request, before it
/// is answered.
public struct SandboxHooks: Sendable {
    /// A model call is answered: with the contact's words since the latest answer, and how long it took.
    public var onModelAnswer: @Sendable (_ text: String, _ elapsed: Duration) -> Void
    /// A message was sent.
    public var onSend: @Sendable (SandboxSend) -> Void

    /// Both default to nothing.
    public init(
        onModelAnswer: @escaping @Sendable (_ text: String, _ elapsed: Duration) -> Void = { _, _ in },
        onSend: @escaping @Sendable (SandboxSend) -> Void = { _ in }
    ) {
        self.onModelAnswer = onModelAnswer
        self.onSend = onSend
    }
}
