import ArgumentParser
import CardumeRuntime
import Foundation

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "Who may use /admin, and who has: passwords, logins, the audit log.",
        subcommands: [HashPassword.self, Login.self, Audit.self])

    struct HashPassword: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads a password and prints what admin.users.NAME.password_hash is to be.")

        func run() throws {
            let password = try Password.read("password: ")
            guard password.utf8.count >= 10 else { throw CommandFailure("a password needs 10 bytes or more") }
            print(try PasswordHash(of: password).text)
        }
    }

    struct Login: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads a password and prints a token that counts for admin.session.",
            discussion: "For example: export CARDUME_ADMIN_TOKEN=$(cardume admin login ana)")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "The user, as in admin.users.") var user: String

        func run() async throws {
            let password = try Password.read("password of \(self.user): ")
            let client = try self.admin.client(needsToken: false)
            let answer = try await client.call("POST", "login", body: LoginRequest(user: self.user, password: password))
            if self.admin.json { return AdminOutput.print(answer) }
            print(try AdminOutput.decode(LoginBody.self, answer).token)
        }
    }

    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists who changed what, the latest first. Needs the role admin.")

        @OptionGroup var admin: AdminOptions
        @Option(help: "Only this person's or token's.") var who: String?
        @Option(help: "Only this, such as dead_letters.purge.") var action: String?
        @Option(help: "How many, up to 500.") var limit = 50
        @Option(help: "Only lines before this number: the next page.") var before: Int64?

        func run() async throws {
            var query = "audit?limit=\(self.limit)"
            if let who = self.who { query += "&who=\(HTTPAddress.segment(who))" }
            if let action = self.action { query += "&action=\(HTTPAddress.segment(action))" }
            if let before = self.before { query += "&before=\(before)" }
            try await self.admin.show("GET", query, as: AuditBody.self, \.description)
        }
    }
}

extension AuditBody {
    fileprivate var description: String {
        let rows = self.audit.map { line in
            [
                String(line.id), Table.time(line.at), line.who, line.role, line.address, line.action,
                line.status.map { String($0) } ?? "unfinished", line.target, line.detail.map(Table.oneLine) ?? "",
            ]
        }
        let table = Table.text(["ID", "AT", "WHO", "ROLE", "FROM", "WHAT", "STATUS", "TARGET", "DETAIL"], rows)
        return self.next.map { "\(table)\nmore with --before \($0)" } ?? table
    }
}

enum Password {
    /// One line of standard input; of a terminal, without showing it.
    static func read(_ prompt: String) throws -> String {
        let isTerminal = isatty(STDIN_FILENO) == 1
        var before = termios()
        if isTerminal {
            FileHandle.standardError.write(Data(prompt.utf8))
            tcgetattr(STDIN_FILENO, &before)
            var silent = before
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        }
        defer {
            if isTerminal {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
                FileHandle.standardError.write(Data("\n".utf8))
            }
        }
        guard let line = readLine(), !line.isEmpty else { throw CommandFailure("no password was given") }
        return line
    }
}
