public import CardumeCore
public import Logging
import Tracing

/// Writes the runtime's events to the log, each with its trace, message, conversation and assistant. A store that does not
/// answer is reported once a second, however many conversations wait for it.
public final class LoggingObserver: RuntimeObserver {
    private let logger: Logger
    private let storeLimit = LineLimit()

    public init(logger: Logger) {
        self.logger = logger
    }

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        var logger = self.logger
        if let assistant { logger[metadataKey: "assistant"] = "\(assistant)" }
        switch event {
        case .turnSucceeded(let turn, let elapsed):
            logger.debug("turn succeeded", metadata: Self.fields(turn, ["turn_ms": "\(elapsed.milliseconds)"]))
        case .messagesMerged(let turn):
            logger.debug(
                "one turn has answered several messages", metadata: Self.fields(turn, ["messages": "\(turn.messages.count)"]))
        case .turnSuperseded(let turn, let elapsed):
            logger.info(
                "turn superseded by a newer message",
                metadata: Self.fields(turn, ["messages": "\(turn.messages.count)", "turn_ms": "\(elapsed.milliseconds)"]))
        case .lateReply(let turn, let elapsed, let action):
            logger.log(
                level: action == .drop ? .warning : .notice, "reply is late",
                metadata: Self.fields(turn, ["action": "\(action.rawValue)", "elapsed_ms": "\(elapsed.milliseconds)"]))
        case .finished(let message):
            logger.debug("message finished", metadata: Self.fields(message))
        case .turnWillRetry(let turn, let failure, let delay):
            logger.warning(
                "turn failed, will be tried again",
                metadata: Self.fields(
                    turn, ["error": "\(failure)", "delay_ms": "\(delay.milliseconds)", "attempt": "\(turn.attempt)"]))
        case .deadLettered(let letter):
            logger.error(
                "message became a dead letter",
                metadata: Self.fields(
                    letter.message,
                    ["error": "\(letter.failure)", "attempts": "\(letter.attempts)"]))
        case .replyAccepted(let intent, let elapsed):
            logger.info(
                "reply sent",
                metadata: Self.fields(
                    intent, ["provider_id": "\(intent.providerID ?? "")", "elapsed_ms": "\(elapsed.milliseconds)"]))
        case .sendWillRetry(let intent, .gateway, let delay):
            logger.warning(
                "reply not sent, will be tried again",
                metadata: Self.fields(intent, ["delay_ms": "\(delay.milliseconds)"]))
        case .sendWillRetry(let intent, let cause, let delay):
            // Thousands may wait for one breaker, whose change is logged.
            logger.debug(
                "reply waits", metadata: Self.fields(intent, ["cause": "\(cause)", "delay_ms": "\(delay.milliseconds)"]))
        case .sendFailedOver(let intent, let earlier):
            logger.warning(
                "reply goes to another server",
                metadata: Self.fields(intent, ["from": "\(earlier ?? "")", "to": "\(intent.server ?? "")"]))
        case .sendInDoubt(let intent):
            logger.warning("reply may or may not have been sent", metadata: Self.fields(intent))
        case .sendReconciled(let intent):
            let message: Logger.Message =
                intent.state == .accepted ? "reply was found at the gateway" : "reply was not found at the gateway"
            logger.notice(message, metadata: Self.fields(intent, ["state": "\(intent.state.rawValue)"]))
        case .sendRefused(let intent):
            logger.error("reply refused by the gateway", metadata: Self.fields(intent))
        case .breakerChanged(let name, let change):
            logger.log(
                level: change.to == .open ? .warning : .notice, "circuit breaker changed",
                metadata: ["breaker": "\(name)", "from": "\(change.from.rawValue)", "to": "\(change.to.rawValue)"])
        case .gatewayChanged(let channel, let server, let problem):
            var fields: Logger.Metadata = ["channel": "\(channel)", "server": "\(server ?? "")"]
            if let problem { fields["reason"] = "\(problem)" }
            logger.log(
                level: problem == nil ? .notice : .warning, problem == nil ? "gateway is up" : "gateway is down",
                metadata: fields)
        case .storeUnavailable(let error, let delay):
            guard let suppressed = self.storeLimit.admit() else { return }
            logger.error(
                "store unavailable, trying again",
                metadata: [
                    "error": "\(error)", "delay_ms": "\(delay.milliseconds)", "lines_suppressed": "\(suppressed)",
                ])
        case .crashSuspected(let message, let marks):
            logger.warning(
                "message was running when the process died; running it alone",
                metadata: Self.fields(message, ["crash_marks": "\(marks)"]))
        case .conversationHeld(let conversation):
            logger.warning("conversation is held", metadata: ["conversation": "\(conversation)"])
        case .conversationTransferred(let conversation, let assistant):
            logger.notice("conversation transferred", metadata: ["conversation": "\(conversation)", "to": "\(assistant)"])
        case .turnFailed, .conversationWaits, .conversationClosed:
            // Other events say it, or nobody needs a line for each.
            break
        case .ownershipChanged(let opened, let handedBack, let lost, let owned, let members):
            logger.log(
                level: lost > 0 ? .warning : .notice, "partitions changed hands",
                metadata: [
                    "opened": "\(opened)", "handed_back": "\(handedBack)", "lost": "\(lost)", "owned": "\(owned)",
                    "members": "\(members)",
                ])
        case .readerRestarted(let partition):
            logger.warning(
                "a reader brings nothing although messages wait; its partition begins again",
                metadata: ["partition": "\(partition)"])
        case .partitionAbandoned(let partition, let error):
            logger.error("partition given up", metadata: ["partition": "\(partition)", "error": "\(error)"])
        }
    }

    private static func fields(_ message: InboundMessage, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var own: Logger.Metadata = [
            "trace_id": "\(message.traceID)", "message_id": "\(message.id)", "conversation": "\(message.conversation)",
        ]
        // The span that runs, unless it is another message's; else the one that the message came from.
        let running = ServiceContext.current?.trace
        let span = running?.traceID == message.traceID ? running?.span : message.span
        if let span { own["span_id"] = "\(TraceSyntax.hexadecimal(span.id))" }
        return own.merging(more) { _, new in new }
    }

    private static func fields(_ turn: Turn, _ more: Logger.Metadata) -> Logger.Metadata {
        self.fields(turn.messages[0], more)
    }

    private static func fields(_ intent: SendIntent, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var own: Logger.Metadata = [
            "trace_id": "\(intent.traceID)", "message_id": "\(intent.id.turn)", "part": "\(intent.id.part)",
            "conversation": "\(intent.id.conversation)",
        ]
        if let error = intent.lastError { own["error"] = "\(error)" }
        return own.merging(more) { _, new in new }
    }
}
