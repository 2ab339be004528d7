import Crypto
import NIOCore

/// A file of the web panel, as it was when the program was built.
struct PanelAsset: Sendable {
    enum Kind: String, Sendable {
        case html = "text/html; charset=utf-8"
        case css = "text/css; charset=utf-8"
        case javaScript = "text/javascript; charset=utf-8"
        case json = "application/json"
        case svg = "image/svg+xml"
    }

    static let start = "index.html"

    /// Under `/panel/`.
    let name: String
    let kind: Kind
    let content: ByteBuffer
    /// For `ETag`: another one when the content is another.
    let tag: String

    private init(_ name: String, _ kind: Kind, _ bytes: [UInt8]) {
        self.name = name
        self.kind = kind
        self.content = ByteBuffer(bytes: bytes)
        let digest = SHA256.hash(data: bytes).prefix(12)
        self.tag = "\"" + digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\""
    }

    static let byName = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.name, $0) })

    static let all: [PanelAsset] = [
        Self("address.js", .javaScript, PackageResources.address_js),
        Self("analysis.js", .javaScript, PackageResources.analysis_js),
        Self("api.js", .javaScript, PackageResources.api_js),
        Self("app.js", .javaScript, PackageResources.app_js),
        Self("audit.js", .javaScript, PackageResources.audit_js),
        Self("badges.js", .javaScript, PackageResources.badges_js),
        Self("base.css", .css, PackageResources.base_css),
        Self("changes.js", .javaScript, PackageResources.changes_js),
        Self("chart.js", .javaScript, PackageResources.chart_js),
        Self("controls.css", .css, PackageResources.controls_css),
        Self("conversation.js", .javaScript, PackageResources.conversation_js),
        Self("conversations.js", .javaScript, PackageResources.conversations_js),
        Self("dead-letter.js", .javaScript, PackageResources.dead_letter_js),
        Self("dead-letters.js", .javaScript, PackageResources.dead_letters_js),
        Self("dom.js", .javaScript, PackageResources.dom_js),
        Self("en.json", .json, PackageResources.en_json),
        Self("errors.js", .javaScript, PackageResources.errors_js),
        Self("explanation.js", .javaScript, PackageResources.explanation_js),
        Self("form.js", .javaScript, PackageResources.form_js),
        Self("format.js", .javaScript, PackageResources.format_js),
        Self("gateways.js", .javaScript, PackageResources.gateways_js),
        Self("i18n.js", .javaScript, PackageResources.i18n_js),
        Self("icon.svg", .svg, PackageResources.icon_svg),
        Self("index.html", .html, PackageResources.index_html),
        Self("language.js", .javaScript, PackageResources.language_js),
        Self("layout.css", .css, PackageResources.layout_css),
        Self("letter-filter.js", .javaScript, PackageResources.letter_filter_js),
        Self("live.js", .javaScript, PackageResources.live_js),
        Self("login.js", .javaScript, PackageResources.login_js),
        Self("notice.js", .javaScript, PackageResources.notice_js),
        Self("overview.js", .javaScript, PackageResources.overview_js),
        Self("pause.js", .javaScript, PackageResources.pause_js),
        Self("pools.js", .javaScript, PackageResources.pools_js),
        Self("pt-BR.json", .json, PackageResources.pt_BR_json),
        Self("purge.js", .javaScript, PackageResources.purge_js),
        Self("queue.js", .javaScript, PackageResources.queue_js),
        Self("queues.js", .javaScript, PackageResources.queues_js),
        Self("replay.js", .javaScript, PackageResources.replay_js),
        Self("replays.js", .javaScript, PackageResources.replays_js),
        Self("root.js", .javaScript, PackageResources.root_js),
        Self("routes.js", .javaScript, PackageResources.routes_js),
        Self("session.js", .javaScript, PackageResources.session_js),
        Self("setting.js", .javaScript, PackageResources.setting_js),
        Self("settings.js", .javaScript, PackageResources.settings_js),
        Self("shell.js", .javaScript, PackageResources.shell_js),
        Self("start-replay.js", .javaScript, PackageResources.start_replay_js),
        Self("table.js", .javaScript, PackageResources.table_js),
        Self("tables.css", .css, PackageResources.tables_css),
        Self("traffic.js", .javaScript, PackageResources.traffic_js),
        Self("usage.js", .javaScript, PackageResources.usage_js),
        Self("views.css", .css, PackageResources.views_css),
    ]
}
