import Accounts
import Cryptography
import TestSupport
import Testing

@testable import OAuth

@Suite struct SubjectIdentifierTests {
    private let subjects = SubjectIdentifiers(secret: TestSecret.bytes)
    private let session = SessionID("AAAAAAAAAAAAAAAAAAAAAA")

    private static func client(_ id: String, sector: String?, _ type: SubjectType = .pairwise) -> Client {
        var client = Client.fixture(id)
        client.subjectType = type
        client.sectorIdentifier = sector
        return client
    }

    @Test func `public clients know people and sessions by their own ids, whatever the sector`() {
        for sector in [nil, "app.example"] {
            let client = Self.client("app", sector: sector, .public)
            #expect(subjects.subject(of: OpenIDScene.alice, for: client) == OpenIDScene.alice.rawValue)
            #expect(subjects.session(session, for: client) == session.rawValue)
        }
    }

    /// Computed with Python's hmac and hashlib. A change of any of these would make strangers of everybody.
    static let golden: [(id: String, sector: String?, subject: String, session: String)] = [
        ("app", "app.example", "a233bd1c-d432-8bb5-904d-98068afb4947", "oOJFnZtfY4G5LA0hFw5Ukg"),
        ("another", "app.example", "a233bd1c-d432-8bb5-904d-98068afb4947", "oOJFnZtfY4G5LA0hFw5Ukg"),
        ("lone", nil, "c1ecc274-d80c-8963-8142-e56afccccfe8", "2zD-un37YgBgr5OskxiXxg"),
    ]

    @Test(arguments: golden)
    func `a pairwise name stays what it is, in every process and release`(
        _ row: (id: String, sector: String?, subject: String, session: String)
    ) {
        let client = Self.client(row.id, sector: row.sector)
        let again = SubjectIdentifiers(secret: TestSecret.bytes)
        for subjects in [subjects, again] {
            #expect(subjects.subject(of: OpenIDScene.alice, for: client) == row.subject)
            #expect(subjects.session(session, for: client) == row.session)
        }
    }

    @Test func `clients of one sector know one person, and others another one`() {
        let clients = [
            Self.client("app", sector: "app.example"), Self.client("another", sector: "app.example"),
            Self.client("app", sector: "other.example"), Self.client("app", sector: nil),
            Self.client("another", sector: nil),
        ]
        let names = clients.map { subjects.subject(of: OpenIDScene.alice, for: $0) }
        #expect(names[0] == names[1])
        #expect(Set(names).count == 4)
        let sessions = clients.map { subjects.session(session, for: $0) }
        #expect(sessions[0] == sessions[1])
        #expect(Set(sessions).count == 4)
        for client in clients {
            let (alice, bob) = (OpenIDScene.alice, OpenIDScene.bob)
            #expect(subjects.subject(of: alice, for: client) != subjects.subject(of: bob, for: client))
        }
    }

    @Test func `a pairwise name looks like any UUID, and says of which kind it is`() {
        let entropy = Entropy.seeded(1)
        let accounts = (0..<200).map { _ in AccountID(entropy.uuid()) }
        let client = Self.client("app", sector: "app.example")
        let names = accounts.map { subjects.subject(of: $0, for: client) }
        #expect(Set(names).count == 200)
        #expect(Set(names).isDisjoint(with: accounts.map(\.rawValue)))
        // RFC 9562 §5.8: version 8, variant 10.
        let shape = /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
        for name in names { #expect(name.wholeMatch(of: shape) != nil, "\(name)") }
    }

    @Test func `without the secret nobody computes a pairwise name`() {
        let client = Self.client("app", sector: "app.example")
        let others = SubjectIdentifiers(secret: [UInt8](repeating: 0xA6, count: 32))
        #expect(
            others.subject(of: OpenIDScene.alice, for: client) != subjects.subject(of: OpenIDScene.alice, for: client))
        #expect(others.session(session, for: client) != subjects.session(session, for: client))
    }
}
