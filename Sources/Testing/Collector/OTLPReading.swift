import Foundation

/// Reads the JSON form of an OTLP trace request, strictly: unknown fields, wrong types and wrong forms are problems.
struct OTLPReading {
    private(set) var spans: [CollectedSpan] = []
    private(set) var problems: [String] = []

    init(_ body: Data) {
        guard let root = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] else {
            self.problems = ["the body is no JSON object"]
            return
        }
        self.check(root, "request", ["resourceSpans"])
        for resourceSpans in self.objects(root, "resourceSpans", "request") {
            self.check(resourceSpans, "resourceSpans", ["resource", "scopeSpans", "schemaUrl"])
            let resource = resourceSpans["resource"] as? [String: Any] ?? [:]
            self.check(resource, "resource", ["attributes", "droppedAttributesCount"])
            let attributes = self.attributes(resource, "resource")
            if attributes["service.name"]?.isEmpty ?? true { self.problems.append("resource: service.name is missing") }
            for scopeSpans in self.objects(resourceSpans, "scopeSpans", "resourceSpans") {
                self.check(scopeSpans, "scopeSpans", ["scope", "spans", "schemaUrl"])
                let scope = scopeSpans["scope"] as? [String: Any] ?? [:]
                self.check(scope, "scope", ["name", "version", "attributes", "droppedAttributesCount"])
                for span in self.objects(scopeSpans, "spans", "scopeSpans") { self.read(span, attributes) }
            }
        }
    }

    private static let fields: Set<String> = [
        "traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
        "attributes", "droppedAttributesCount", "events", "droppedEventsCount", "links", "droppedLinksCount", "status",
    ]

    private mutating func read(_ span: [String: Any], _ resource: [String: String]) {
        let name = span["name"] as? String ?? ""
        self.check(span, "span", Self.fields)
        if name.isEmpty { self.problems.append("span: name is missing") }
        let kind = span["kind"] as? Int ?? 0
        if !(1...5).contains(kind) { self.problems.append("\(name): kind is \(kind)") }
        let (begin, end) = (self.time(span, "startTimeUnixNano", name), self.time(span, "endTimeUnixNano", name))
        if end < begin { self.problems.append("\(name): ends before it begins") }
        let status = span["status"] as? [String: Any] ?? [:]
        self.check(status, "status", ["code", "message"])
        let code = status["code"] as? Int ?? 0
        if !(0...2).contains(code) { self.problems.append("\(name): status is \(code)") }
        for event in self.objects(span, "events", name) {
            self.check(event, "event", ["timeUnixNano", "name", "attributes", "droppedAttributesCount"])
            _ = self.time(event, "timeUnixNano", name)
            _ = self.attributes(event, name)
        }
        let links = self.objects(span, "links", name).map { link in
            self.check(link, "link", ["traceId", "spanId", "traceState", "attributes", "droppedAttributesCount", "flags"])
            _ = self.attributes(link, name)
            return CollectedSpan.Link(
                traceID: self.identifier(link, "traceId", 32, name), spanID: self.identifier(link, "spanId", 16, name))
        }
        self.spans.append(
            CollectedSpan(
                traceID: self.identifier(span, "traceId", 32, name), spanID: self.identifier(span, "spanId", 16, name),
                parentID: span["parentSpanId"].map { _ in self.identifier(span, "parentSpanId", 16, name) },
                state: span["traceState"] as? String, name: name, kind: kind, beganAt: begin, endedAt: end,
                attributes: self.attributes(span, name), links: links, status: code, resource: resource))
    }

    private mutating func check(_ object: [String: Any], _ what: String, _ known: Set<String>) {
        for key in object.keys.sorted() where !known.contains(key) { self.problems.append("\(what): unknown field \(key)") }
    }

    private mutating func objects(_ parent: [String: Any], _ key: String, _ what: String) -> [[String: Any]] {
        guard let value = parent[key] else { return [] }
        guard let objects = value as? [[String: Any]] else {
            self.problems.append("\(what): \(key) is no list of objects")
            return []
        }
        return objects
    }

    private mutating func identifier(_ parent: [String: Any], _ key: String, _ digits: Int, _ what: String) -> String {
        let text = parent[key] as? String ?? ""
        let isHexadecimal = text.utf8.count == digits && text.allSatisfy { "0123456789abcdef".contains($0) }
        if !isHexadecimal || text.allSatisfy({ $0 == "0" }) { self.problems.append("\(what): \(key) is \"\(text)\"") }
        return text
    }

    /// 64-bit numbers are strings.
    private mutating func time(_ parent: [String: Any], _ key: String, _ what: String) -> UInt64 {
        guard let text = parent[key] as? String, let time = UInt64(text), time > 0 else {
            self.problems.append("\(what): \(key) is no decimal string")
            return 0
        }
        return time
    }

    private mutating func attributes(_ parent: [String: Any], _ what: String) -> [String: String] {
        var attributes: [String: String] = [:]
        for attribute in self.objects(parent, "attributes", what) {
            self.check(attribute, "attribute", ["key", "value"])
            guard let key = attribute["key"] as? String, !key.isEmpty, let value = attribute["value"] as? [String: Any],
                let text = self.text(value)
            else {
                self.problems.append("\(what): an attribute is not key and value: \(attribute)")
                continue
            }
            if attributes.updateValue(text, forKey: key) != nil { self.problems.append("\(what): \(key) is given twice") }
        }
        return attributes
    }

    private mutating func text(_ value: [String: Any]) -> String? {
        guard value.count == 1, let (type, content) = value.first else { return nil }
        switch (type, content) {
        case ("stringValue", let text as String): return text
        case ("intValue", let text as String): return Int64(text).map { "\($0)" }
        case ("boolValue", let flag as Bool): return "\(flag)"
        case ("doubleValue", let number as Double): return "\(number)"
        case ("arrayValue", let array as [String: Any]):
            let values = self.objects(array, "values", "arrayValue").map { self.text($0) }
            return values.contains(nil) ? nil : values.compactMap(\.self).joined(separator: ",")
        default: return nil
        }
    }
}
