import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Every view of the web panel, in both languages, light and dark, wide and narrow.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PanelViewTests {
    /// Pictures are kept in the folder that `PANEL_PICTURES` names.
    private static let pictures = ProcessInfo.processInfo.environment["PANEL_PICTURES"]

    private static func keep(_ picture: Data, _ name: String) throws {
        guard let folder = Self.pictures else { return }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try picture.write(to: URL(filePath: "\(folder)/\(name).png"))
    }

    @Test(arguments: [("en-US", "light", 1280), ("pt-BR", "dark", 1280), ("pt-BR", "light", 360), ("en-US", "dark", 360)])
    func everyViewCanBeReadAndFits(language: String, scheme: String, width: Int) async throws {
        let panel = try await PanelDeployment(language: language)
        let browser = panel.browser
        try await browser.resize(width: width, height: width < 500 ? 780 : 900)
        try await browser.prefer(scheme)
        try await panel.leaveDeadLetter()
        let admin = ["Authorization": "Bearer \(PanelDeployment.token)"]
        func tell(_ path: String, _ body: String) async throws {
            let answer = try await panel.deployment.request(
                path.hasPrefix("/admin/settings") ? "PUT" : "POST", path, headers: admin, body: Array(body.utf8))
            #expect(answer.status < 300, "\(path): \(answer.body)")
        }
        try await tell(
            "/admin/settings/suporte.slots", #"{"value": "150", "expires_in": "2h", "reason": "menos vagas à noite"}"#)
        try await tell("/admin/conversations/loja-uberlandia:5534990000001/hold", #"{"reason": "à espera da loja"}"#)
        panel.deployment.sandbox.update { $0.modelPoison = "veneno" }
        try await tell("/admin/replays", #"{"filter": {"ids": [1]}}"#)
        try await Waiting.until("another dead letter of it") {
            try panel.deployment.rows("SELECT state FROM replay_jobs") == ["done"]
        }

        try await browser.open(try panel.address)
        try await browser.wait(for: "document.querySelector('input[name=user]')")
        try await self.inspect(panel, "login", "\(language)-\(scheme)-\(width)")
        try await panel.enter()
        _ = try await browser.takeLog()
        for view in PanelDeployment.views {
            try await panel.show(view)
            try await self.inspect(panel, view, "\(language)-\(scheme)-\(width)")
            let log = try await browser.takeLog()
            #expect(log.isEmpty, "\(view): \(log)")
        }
        #expect(try await panel.deployment.terminate() == 0)
    }

    private func inspect(_ panel: PanelDeployment, _ view: String, _ how: String) async throws {
        for (what, script) in [
            ("names", PanelInspection.names), ("contrast", PanelInspection.contrast), ("width", PanelInspection.width),
        ] {
            let problems = try await panel.find(script)
            #expect(problems.isEmpty, "\(view) (\(how)), \(what): \(problems.joined(separator: "\n"))")
        }
        let name = view.isEmpty ? "overview" : view.replacing("/", with: "-").replacing("%3A", with: "-")
        if Self.pictures != nil { try Self.keep(try await panel.browser.screenshot(), "\(name)-\(how)") }
    }

    /// That the inspection finds what it is for.
    @Test func whatIsWrongIsFound() async throws {
        let panel = try await PanelDeployment()
        try await panel.enter()
        try await panel.settle()
        try await panel.browser.perform(
            """
            const add = (tag, attributes = {}, text = '') => {
                const element = document.createElement(tag);
                for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
                element.textContent = text;
                document.querySelector('main').append(element);
                return element;
            };
            add('h1', {}, 'two');
            add('button');
            add('input');
            add('p', {}, 'pale').style.color = 'rgb(200, 200, 200)';
            add('p', {}, 'wide').style.width = '4000px';
            """)
        let names = try await panel.find(PanelInspection.names)
        #expect(names.contains { $0.hasPrefix("2 elements h1") } && names.contains { $0.hasPrefix("a button without a name") })
        #expect(names.contains { $0.hasPrefix("a field without a label") })
        #expect(try await panel.find(PanelInspection.contrast).contains { $0.contains("pale") })
        #expect(try await panel.find(PanelInspection.width).contains { $0.contains("wide") })
        #expect(try await panel.deployment.terminate() == 0)
    }
}
