import CardumeActors
import CardumeCore
import CardumeTesting
import InMemoryTracing
import Synchronization
import Testing
import Tracing

/// The spans of turns, and that the trace goes on where nobody makes any.
@Suite(.timeLimit(.minutes(1))) struct TurnTraceTests {
    private static let above = SpanReference(id: 0xb7ad_6b71_6920_3331, isSampled: true, state: "a=1")

    /// A message in a trace of its own.
    private static func append(_ text: String, trace: UInt64, span: SpanReference? = Self.above) -> LogAppend {
        var append = RuntimeTestBed.append("5534999990001", text)
        append.message.traceID = TraceContext(high: 1, low: trace).traceID
        append.message.details.span = span
        return append
    }

    private static func traces(_ tracer: InMemoryTracer) -> Traces {
        Traces(tracer: tracer) { "hash of \($0.utf8.count)" }
    }

    private static func names(_ tracer: InMemoryTracer) -> [String] { tracer.finishedSpans.map(\.operationName) }

    @Test func aTurnIsASpanAboveWhatItDoes() async throws {
        let tracer = InMemoryTracer()
        let seen = Mutex<TraceContext?>(nil)
        let bed = RuntimeTestBed(
            traces: Self.traces(tracer),
            handler: ScriptedHandler { _ in
                seen.withLock { $0 = ServiceContext.current?.trace }
                return "sim"
            })
        await bed.start()
        let append = Self.append("oi", trace: 2)
        _ = try await bed.store.append([append])
        await bed.events.finished(1)
        #expect(await bed.stop())
        #expect(Self.names(tracer) == ["wait suporte", "commit turn", "turn suporte", "commit send"])
        let spans = Dictionary(tracer.finishedSpans.map { ($0.operationName, $0) }) { first, _ in first }
        let turn = try #require(spans["turn suporte"])
        #expect(turn.kind == .consumer)
        #expect(turn.status == nil)
        #expect(turn.context.trace == append.message.trace)
        #expect(seen.withLock { $0 } == append.message.trace, "this tracer keeps the context as it was")
        #expect(spans["commit turn"]?.parentSpanID == turn.spanID)
        #expect(spans["commit send"]?.parentSpanID == turn.spanID)
        #expect(spans["wait suporte"]?.links.count == 1)
        #expect(
            spans["wait suporte"]?.startInstant.nanosecondsSinceEpoch == append.message.receivedAt.nanosecondsSinceEpoch)
        #expect(turn.attributes.get("cardume.conversation") == .string("hash of 18"))
        #expect(turn.attributes.get("cardume.turn.attempt") == .int64(1))
    }

    /// Neither what was written nor who wrote it.
    @Test func spansNameNobody() async throws {
        let tracer = InMemoryTracer()
        let bed = RuntimeTestBed(
            traces: Traces(tracer: tracer),
            handler: ScriptedHandler { turn in
                guard turn.attempt == 2 else {
                    throw TurnFailure(category: .timeout, message: "segredo de 5534999990001", isRetryable: true)
                }
                return "segredo"
            })
        await bed.start()
        _ = try await bed.store.append([Self.append("segredo", trace: 2)])
        await bed.events.finished(1)
        #expect(await bed.stop())
        #expect(tracer.finishedSpans.count >= 5)
        for span in tracer.finishedSpans {
            let text =
                "\(span.operationName) \(span.attributes) \(span.events) \(String(describing: span.status)) \(span.errors)"
            #expect(!text.contains("segredo") && !text.contains("5534999990001"), "\(text)")
        }
    }

    @Test func aMergedTurnIsOneSpanWithLinks() async throws {
        let tracer = InMemoryTracer()
        let policy = TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(60), maximumMessages: 3))
        let bed = RuntimeTestBed(
            assistant: BurstTests.assistant(policy), traces: Self.traces(tracer), handler: ScriptedHandler())
        await bed.start()
        let appends = [Self.append("a", trace: 2), Self.append("b", trace: 3), Self.append("c", trace: 4, span: nil)]
        for append in appends { _ = try await bed.store.append([append]) }
        await bed.events.finished(3)
        #expect(await bed.stop())
        let turns = tracer.finishedSpans.filter { $0.operationName.hasPrefix("turn") }
        #expect(turns.map { $0.context.trace } == [appends[0].message.trace])
        #expect(turns.first?.links.map { $0.context.trace } == [appends[1].message.trace, appends[2].message.trace])
        let waits = tracer.finishedSpans.filter { $0.operationName.hasPrefix("wait") }
        #expect(waits.map { $0.context.trace } == appends.map(\.message.trace), "each in its own trace")
        #expect(waits.allSatisfy { $0.links.count == 1 })
    }

    @Test func failedAttemptsAreSpansOfTheirOwn() async throws {
        let tracer = InMemoryTracer()
        let bed = RuntimeTestBed(
            traces: Self.traces(tracer),
            handler: ScriptedHandler { _ in throw TurnFailure(category: .timeout, message: "m", isRetryable: true) })
        await bed.start()
        _ = try await bed.store.append([Self.append("a", trace: 2)])
        await bed.events.finished(1)
        #expect(await bed.stop())
        let turns = tracer.finishedSpans.filter { $0.operationName == "turn suporte" }
        #expect(turns.map { $0.attributes.get("cardume.turn.attempt") } == [.int64(1), .int64(2), .int64(3)])
        #expect(turns.allSatisfy { $0.status?.code == .error && $0.attributes.get("error.type") == .string("timeout") })
        #expect(Self.names(tracer).last == "commit dead letter")
        #expect(Self.names(tracer).count { $0 == "wait suporte" } == 1, "it waited once")
        let letters = bed.events.all.compactMap { event -> DeadLetter? in
            if case .deadLettered(let letter) = event { letter } else { nil }
        }
        #expect(letters.map(\.message.span) == [Self.above], "a replay goes on in the trace")
    }

    /// Where nobody makes spans, what is called still hears of the trace that the message came with.
    @Test(arguments: [above, nil])
    func theTraceIsHandedOn(_ span: SpanReference?) async throws {
        let seen = Mutex<[TraceContext?]>([])
        let channel = RecordingChannel { intent, _ in
            seen.withLock { $0.append(ServiceContext.current?.trace) }
            return (true, .accepted(providerID: "\(intent.id)"))
        }
        let bed = RuntimeTestBed(
            channel: channel,
            handler: ScriptedHandler { _ in
                seen.withLock { $0.append(ServiceContext.current?.trace) }
                return "sim"
            })
        await bed.start()
        let append = Self.append("a", trace: 2, span: span)
        _ = try await bed.store.append([append])
        await bed.events.finished(1)
        #expect(await bed.stop())
        let expected = span == nil ? nil : append.message.trace
        #expect(seen.withLock { $0 } == [expected, expected])
    }

    /// What an earlier process has journaled is sent in its message's trace.
    @Test func inheritedSendsBelongToTheTrace() async throws {
        let store = MemoryStore()
        let append = Self.append("a", trace: 2)
        _ = try await store.append([append])
        let message = append.message
        let partition = Partition.ID(
            assistant: RuntimeTestBed.assistant, number: message.conversation.partitionNumber(of: store.partitionCount))
        let ownership = try #require(try await store.claim([partition], for: "earlier")[partition])
        let intent = SendIntent(
            id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: 0), replyAddress: "c",
            text: "re: a", traceID: message.traceID)
        _ = try await store.commit(
            .turn(
                TurnCommit(
                    turn: message.id, conversation: message.conversation, assistant: RuntimeTestBed.assistant,
                    messages: [message], intents: [intent], usage: nil, attempt: 1, startedAt: message.receivedAt,
                    finishedAt: message.receivedAt)), Fence(partition, ownership.epoch))
        store.crash()
        let tracer = InMemoryTracer()
        let seen = Mutex<TraceContext?>(nil)
        let channel = RecordingChannel { intent, _ in
            seen.withLock { $0 = ServiceContext.current?.trace }
            return (true, .accepted(providerID: "\(intent.id)"))
        }
        let bed = RuntimeTestBed(store: store, channel: channel, traces: Self.traces(tracer), handler: ScriptedHandler())
        await bed.start()
        await bed.events.finished(1)
        #expect(await bed.stop())
        #expect(seen.withLock { $0 } == message.trace)
        #expect(!Self.names(tracer).contains("turn suporte"))
        #expect(tracer.finishedSpans.allSatisfy { $0.context.trace == message.trace })
    }
}
