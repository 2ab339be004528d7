import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// The web panel in a real browser: what people do there.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PanelTests {
    private static func heading(_ text: String) -> String {
        "document.querySelector('h1')?.textContent === '\(text)'"
    }

    @Test func theKeyboardIsEnoughToEnterAndToFindTheWay() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await browser.open(try panel.address)
        // The focus is where one types first.
        try await browser.wait(for: "document.activeElement?.name === 'user'")
        try await browser.send("ana")
        try await browser.send(.tab)
        try await browser.send(PanelDeployment.password)
        try await browser.send(.enter)
        try await browser.wait(for: Self.heading("Overview"))
        try await browser.send(.tab)
        try await browser.wait(for: "document.activeElement.classList.contains('skip')")
        #expect(
            try await browser.run("return document.activeElement.getBoundingClientRect().top >= 0", as: Bool.self),
            "what has the focus is to be seen")
        try await browser.send(.enter)
        try await browser.wait(for: "document.activeElement.id === 'main'")
        try await panel.browser.perform("document.querySelector('nav a').focus()")
        try await browser.send(.tab, .enter)
        try await browser.wait(for: "\(Self.heading("Queues")) && document.activeElement.localName === 'h1'")
        #expect(
            try await browser.run("return document.querySelector('nav [aria-current]').textContent", as: String.self)
                == "Queues")
        // A dialog, and out of it again: the focus is where it was.
        try await browser.wait(for: "document.querySelector('td button')")
        try await browser.perform("document.querySelector('td button').focus()")
        try await browser.send(.enter)
        try await browser.wait(for: "document.querySelector('dialog[open]')?.contains(document.activeElement)")
        try await browser.send(.escape)
        try await browser.wait(for: "!document.querySelector('dialog') && document.activeElement.matches('td button')")
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aWrongPasswordIsSaidAndSoIsOneTooMany() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await browser.open(try panel.address)
        for _ in 0..<2 {
            try await browser.type("ana", into: "User")
            try await browser.type("errada", into: "Password")
            try await browser.press("Log in")
            try await browser.wait(
                for: "document.querySelector('.error').textContent === 'The user, the password or the token is wrong.'")
        }
        #expect(try await browser.run("return document.querySelector('input[name=user]').value", as: String.self) == "ana")
        try await browser.press("Log in")
        try await browser.wait(for: "document.querySelector('.error').textContent.startsWith('Too many wrong passwords.')")
        #expect(try await browser.run("return sessionStorage.length", as: Int.self) == 0)
        // The token has nothing to do with that.
        try await browser.click("//summary")
        try await browser.type(PanelDeployment.token, into: "Token")
        try await browser.type("bia", into: "Your name")
        try await browser.press("Use the token")
        try await browser.wait(for: Self.heading("Overview"))
        #expect(try await browser.run("return document.querySelector('.user').textContent", as: String.self) == "bia admin")
        #expect(try await browser.run("return document.cookie", as: String.self) == "")
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func whatHappensIsSeenWithoutAskingAgain() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await panel.enter()
        func chart(_ name: String) -> String {
            "document.querySelector('[data-key=\"\(name)\"] svg')?.getAttribute('aria-label')"
        }
        try await browser.wait(for: "/now 0\\/s; from 0\\/s to 0\\/s/.test(\(chart("Replies sent")))")
        try await panel.deployment.deliver(Load.contact(0), "VISTA", "olha eu aqui")
        try await browser.wait(for: "/to 0\\.[1-9]\\/s/.test(\(chart("Replies sent")))")
        try await browser.wait(for: "/to 0\\.[1-9]\\/s/.test(\(chart("Messages in")))")
        #expect(
            try await browser.run("return document.querySelector('.verdict').textContent", as: String.self).hasPrefix(
                "Scale: no"))
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aDeadLetterIsFoundAnalysedTriedAndReplayed() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await panel.leaveDeadLetter()
        try await panel.enter(at: "dead-letters")
        try await browser.type("VENENO", into: "Text")
        try await browser.press("Search")
        try await browser.wait(
            for: "location.hash.endsWith('text=VENENO') && document.querySelectorAll('tbody tr').length === 1")
        try await browser.press("Analyse")
        try await browser.wait(for: "document.activeElement.textContent === 'Analysis'")
        try await browser.click("//input[@aria-label='Choose dead letter 1']")
        try await browser.press("Replay…")
        try await browser.press("Dry run")
        try await browser.wait(
            for: "document.querySelector('dialog .outcome')?.textContent.includes('1 dead letter of 1 conversation')")
        #expect(try panel.deployment.rows("SELECT count(*) FROM dead_letters") == ["1"], "nothing was done")
        try await browser.type("o modelo voltou", into: "Reason")
        try await browser.press("Replay")
        try await browser.wait(for: "\(Self.heading("Replay 1")) && /1 of 1 done/.test(document.body.textContent)")
        #expect(try await browser.run("return document.querySelector('progress').value", as: Double.self) == 1)
        try await Waiting.until("the reply") {
            panel.deployment.sandbox.sends.contains { $0.text.contains("mensagem com veneno") }
        }
        #expect(try panel.deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        let audited = "SELECT detail FROM admin_audit WHERE action = 'replays.begin' ORDER BY id DESC LIMIT 1"
        #expect(try panel.deployment.rows(audited).first?.hasSuffix("reason: o modelo voltou") == true)
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func deadLettersAreDeletedOnlyOnceTheirNumberIsTyped() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await panel.leaveDeadLetter()
        try await panel.enter(at: "dead-letters")
        try await browser.press("Choose all 1 of the filter")
        try await browser.press("Delete…")
        try await browser.type("2", into: "Type 1 to confirm")
        try await browser.press("Delete for good")
        #expect(try await browser.run("return document.querySelector('dialog input:invalid') !== null", as: Bool.self))
        #expect(try panel.deployment.rows("SELECT count(*) FROM dead_letters") == ["1"])
        try await browser.type("1", into: "Type 1 to confirm")
        try await browser.press("Delete for good")
        try await browser.wait(for: "document.querySelector('.notices').textContent.includes('Deleted: 1')")
        #expect(try panel.deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        try await browser.wait(for: "document.getElementById('main').textContent.includes('No dead letters here.')")
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aSettingIsChangedAndRolledBack() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        func slots() throws -> [String] {
            try panel.deployment.rows("SELECT c.new FROM setting_overrides o JOIN setting_changes c ON c.id = o.change")
        }
        let shown = "document.querySelector('.facts .value')?.textContent"
        try await panel.enter(at: "settings")
        try await browser.type("suporte.slots", into: "Find")
        try await browser.click("//a[normalize-space()='assistants.suporte.slots']")
        try await browser.wait(for: "\(shown) === '200'")
        try await browser.type("muitas", into: "New value")
        try await browser.press("Change")
        try await browser.wait(for: "document.querySelector('.error').textContent.includes('is not allowed')")
        try await browser.type("7", into: "New value")
        try await browser.type("poucas vagas", into: "Reason")
        try await browser.press("Change")
        try await browser.wait(for: "\(shown) === '7'")
        #expect(try slots() == ["7"])
        try await panel.show("changes")
        try await browser.press("Take all changes back")
        try await browser.press("Roll back to here")
        try await browser.wait(for: "document.querySelector('.notices').textContent.includes('Rolled back: 1 change.')")
        #expect(try slots() == [])
        try await panel.show("settings/assistants.suporte.slots")
        try await browser.wait(for: "\(shown) === '200'")
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aConversationIsHeldExplainedAndReleased() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        let verdict = "document.querySelector('.verdict')?.textContent"
        try await panel.deployment.deliver(Load.contact(0), "UMA", "bom dia")
        try await panel.deployment.settle(replies: 1)
        try await panel.enter(at: "conversations")
        try await browser.type("loja-uberlandia:\(Load.contact(0))", into: "Conversation")
        try await browser.press("Open")
        try await browser.wait(for: "document.querySelector('.chat .contact')?.textContent.includes('bom dia')")
        try await browser.wait(for: "document.querySelector('.chat .assistant')?.textContent.includes('Recebi: bom dia')")
        try await browser.press("Hold")
        try await browser.type("a loja pediu", into: "Reason")
        try await browser.press("Hold")
        try await browser.wait(for: "\(verdict) === 'Waits for its release'")
        try await panel.deployment.deliver(Load.contact(0), "OUTRA", "ainda está aí?")
        try await browser.wait(for: "/Unfinished messages\\s*yes/.test(document.body.innerText)")
        try await browser.press("Release")
        try await browser.press("Release")
        try await browser.wait(for: "document.querySelector('.chat')?.textContent.includes('Recebi: ainda está aí?')")
        try await browser.wait(for: "\(verdict) === 'waits for nothing: everything is answered'")
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aQueueIsPausedAndResumed() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        let state = "document.querySelector('tbody .badge')?.textContent"
        try await panel.enter(at: "queues")
        try await browser.press("Pause: suporte")
        try await browser.type("30m", into: "Ends after")
        try await browser.press("Pause")
        try await browser.wait(for: "\(state) === 'paused'")
        try await panel.deployment.deliver(Load.contact(0), "UMA", "bom dia")
        try await browser.wait(for: "document.querySelector('tbody td[data-label=Messages]').textContent === '1'")
        try await browser.press("Resume: suporte")
        try await browser.press("Resume")
        try await browser.wait(for: "\(state) === 'active'")
        try await browser.wait(for: "document.querySelector('tbody td[data-label=Messages]').textContent === '0'")
        #expect(panel.deployment.sandbox.sends.count == 1)
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aLoginThatEndsIsAskedForAgainAndNothingTypedIsLost() async throws {
        let panel = try await PanelDeployment()
        let browser = panel.browser
        try await panel.enter(at: "settings/assistants.suporte.slots")
        try await browser.type("9", into: "New value")
        try await browser.type("motivo comprido", into: "Reason")
        try panel.secret.change()
        try await Waiting.until("logins to end") { try !panel.deployment.process.lines("secret changed").isEmpty }
        try await browser.press("Change")
        try await browser.wait(for: "document.querySelector('dialog[open] h2')?.textContent === 'Log in again'")
        try await browser.send(.escape)
        try await browser.type("ana", into: "User")
        try await browser.type(PanelDeployment.password, into: "Password")
        try await browser.press("Log in")
        try await browser.wait(for: "document.querySelector('.facts .value')?.textContent === '9'")
        #expect(try panel.deployment.rows("SELECT reason FROM setting_changes") == ["motivo comprido"])
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func aViewerIsOfferedNothingToChange() async throws {
        let panel = try await PanelDeployment()
        try await panel.leaveDeadLetter()
        try await panel.enter(as: "olavo")
        let names = try await panel.browser.run(
            "return [...document.querySelectorAll('nav a')].map((link) => link.textContent)", as: [String].self)
        #expect(names.contains("Settings") && !names.contains("Audit log"))
        for view in PanelDeployment.views {
            try await panel.show(view)
            let offered = try await panel.browser.run(
                "return [...document.querySelectorAll('main button')].map((button) => button.textContent)", as: [String].self)
            #expect(
                Set(offered).isSubset(of: ["Analyse", "Search", "Show", "Open", "Clear", "Try again"]), "\(view): \(offered)")
        }
        #expect(try await panel.deployment.terminate() == 0)
    }

    @Test func theLanguageIsTheBrowsersThenTheUsers() async throws {
        let panel = try await PanelDeployment(language: "pt-PT")
        let browser = panel.browser
        try await panel.enter()
        try await browser.wait(for: Self.heading("Visão geral"))
        try await browser.click("//select[@name='language']/option[@lang='en']")
        try await browser.wait(for: "\(Self.heading("Overview")) && document.documentElement.lang === 'en'")
        try await browser.open("about:blank")
        try await browser.open("\(try panel.address)#/queues")
        try await browser.wait(for: Self.heading("Queues"))
        #expect(try await panel.deployment.terminate() == 0)
    }
}
