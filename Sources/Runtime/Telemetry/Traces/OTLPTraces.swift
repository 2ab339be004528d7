import CardumeCore
package import Foundation
import Tracing

/// Spans as OTLP writes them in JSON: ids in hex, times as decimal strings, kinds and codes as numbers.
package enum OTLPTraces {
    /// The body of `POST /v1/traces`.
    ///
    /// - Parameter resource: what is said of this process.
    static func body(_ spans: [FinishedSpan], resource: [String: String], version: String) throws -> Data {
        let resource = resource.sorted { $0.key < $1.key }.map { Attribute(key: $0.key, value: .string($0.value)) }
        let request = Request(resourceSpans: [
            ResourceSpans(
                resource: Resource(attributes: resource),
                scopeSpans: [ScopeSpans(scope: Scope(name: "cardume", version: version), spans: spans.map(Span.init))])
        ])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return try encoder.encode(request)
    }

    /// How many spans a collector that took the request did not like.
    package static func rejected(_ body: Data) -> Int {
        struct Answer: Decodable {
            struct Partial: Decodable {
                let rejectedSpans: Count?
            }
            let partialSuccess: Partial?
        }
        /// 64-bit numbers are strings in this encoding; some servers write numbers.
        struct Count: Decodable {
            let value: Int

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                self.value = (try? container.decode(Int.self)) ?? (try? container.decode(String.self)).flatMap(Int.init) ?? 0
            }
        }
        return (try? JSONDecoder().decode(Answer.self, from: body))?.partialSuccess?.rejectedSpans?.value ?? 0
    }

    private struct Request: Encodable { let resourceSpans: [ResourceSpans] }
    private struct ResourceSpans: Encodable {
        let resource: Resource
        let scopeSpans: [ScopeSpans]
    }
    private struct Resource: Encodable { let attributes: [Attribute] }
    private struct ScopeSpans: Encodable {
        let scope: Scope
        let spans: [Span]
    }
    private struct Scope: Encodable { let name, version: String }

    private struct Span: Encodable {
        let traceId, spanId: String
        let traceState, parentSpanId: String?
        let flags: Int
        let name: String
        let kind: Int
        let startTimeUnixNano, endTimeUnixNano: String
        let attributes: [Attribute]
        let droppedAttributesCount: Int?
        let events: [Event]?
        let droppedEventsCount: Int?
        let links: [Link]?
        let droppedLinksCount: Int?
        let status: Status

        init(_ span: FinishedSpan) {
            self.traceId = span.trace.traceID
            self.spanId = TraceSyntax.hexadecimal(span.id)
            self.parentSpanId = (span.parent?.id).map(TraceSyntax.hexadecimal)
            self.traceState = span.trace.span?.state
            self.flags = 1
            self.name = span.name
            self.kind =
                switch span.kind {
                case .internal: 1
                case .server: 2
                case .client: 3
                case .producer: 4
                case .consumer: 5
                }
            self.startTimeUnixNano = String(span.beganAt)
            self.endTimeUnixNano = String(span.endedAt)
            self.attributes = Attribute.list(span.attributes)
            self.droppedAttributesCount = Self.count(max(0, span.attributes.count - FinishedSpan.limit))
            self.events = span.events.isEmpty ? nil : span.events.map(Event.init)
            self.droppedEventsCount = Self.count(span.droppedEvents)
            self.links = span.links.isEmpty ? nil : span.links.map(Link.init)
            self.droppedLinksCount = Self.count(span.droppedLinks)
            self.status = Status(span.status)
        }

        private static func count(_ dropped: Int) -> Int? { dropped == 0 ? nil : dropped }
    }

    private struct Event: Encodable {
        let timeUnixNano: String
        let name: String
        let attributes: [Attribute]

        init(_ event: SpanEvent) {
            self.timeUnixNano = String(event.nanosecondsSinceEpoch)
            self.name = event.name
            self.attributes = Attribute.list(event.attributes)
        }
    }

    private struct Link: Encodable {
        let traceId, spanId: String
        let traceState: String?
        let attributes: [Attribute]

        init(_ link: (trace: TraceContext, attributes: SpanAttributes)) {
            self.traceId = link.trace.traceID
            // Of some traces no span is known. An id is asked for; that of the trace's header is as good as any.
            self.spanId = String(link.trace.traceparent.split(separator: "-")[2])
            self.traceState = link.trace.span?.state
            self.attributes = Attribute.list(link.attributes)
        }
    }

    private struct Status: Encodable {
        let code: Int
        let message: String?

        init(_ status: SpanStatus?) {
            self.code =
                switch status?.code {
                case nil: 0
                case .ok: 1
                case .error: 2
                }
            self.message = status?.message
        }
    }

    private struct Attribute: Encodable {
        let key: String
        let value: Value

        static func list(_ attributes: SpanAttributes) -> [Attribute] {
            var list: [Attribute] = []
            attributes.forEach { key, value in
                if let value = Value(value) { list.append(Attribute(key: key, value: value)) }
            }
            return Array(list.sorted { $0.key < $1.key }.prefix(FinishedSpan.limit))
        }
    }

    private enum Value: Encodable {
        case string(String)
        case integer(Int64)
        case number(Double)
        case flag(Bool)
        case list([Value])

        private enum CodingKeys: CodingKey { case stringValue, intValue, doubleValue, boolValue, arrayValue, values }

        /// - Returns: `nil` for what this version of the tracing interface does not know.
        init?(_ attribute: SpanAttribute) {
            switch attribute {
            case .string(let value): self = .string(value)
            case .stringConvertible(let value): self = .string(value.description)
            case .int32(let value): self = .integer(Int64(value))
            case .int64(let value): self = .integer(value)
            case .double(let value) where value.isFinite: self = .number(value)
            case .double(let value): self = .string("\(value)")
            case .bool(let value): self = .flag(value)
            case .stringArray(let values): self = .list(values.map(Value.string))
            case .stringConvertibleArray(let values): self = .list(values.map { .string($0.description) })
            case .int32Array(let values): self = .list(values.map { .integer(Int64($0)) })
            case .int64Array(let values): self = .list(values.map(Value.integer))
            case .doubleArray(let values): self = .list(values.map { $0.isFinite ? .number($0) : .string("\($0)") })
            case .boolArray(let values): self = .list(values.map(Value.flag))
            default: return nil
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            switch self {
            case .string(let value): try container.encode(value, forKey: .stringValue)
            case .integer(let value): try container.encode(String(value), forKey: .intValue)
            case .number(let value): try container.encode(value, forKey: .doubleValue)
            case .flag(let value): try container.encode(value, forKey: .boolValue)
            case .list(let values):
                var list = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .arrayValue)
                try list.encode(values, forKey: .values)
            }
        }
    }
}
