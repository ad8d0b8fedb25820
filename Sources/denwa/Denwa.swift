import ArgumentParser

/// The command line. Settings (`--http-port 9000`, `--config FILE`) may stand anywhere and go to the
/// configuration; what is left is the command's own.
@main
struct Denwa: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "denwa",
        abstract: "An OAuth 2.0 authorization server whose first factor is a phone.",
        discussion: """
            Every setting can be a flag (--http-port 9000), an environment variable (DENWA_HTTP_PORT=9000) or a \
            member of denwa.json; flags win, then the environment. `denwa config reference` lists them all, and \
            --config FILE reads another file.
            """,
        version: version,
        subcommands: [
            Serve.self, KeysCommand.self, ClientsCommand.self, UsersCommand.self, LogCommand.self,
            MessagesCommand.self, ConfigCommand.self, Migrate.self, Doctor.self,
        ],
        defaultSubcommand: Serve.self)

    static let version = "0.2.0"

    static func main() async {
        let invocation = Invocation(Array(CommandLine.arguments.dropFirst()))
        await Invocation.$current.withValue(invocation) { await main(invocation.arguments) }
    }
}
