import Accounts
import Cryptography
import PhoneLogin

/// What acts must not decide at once, where no row is the referee. An act holds it until its transaction ends; on
/// SQLite, whose one writer runs acts one after another, it costs nothing.
///
/// Locks are taken in the order of the cases, and of one case by their keys, so that acts never wait for each other in
/// a circle. Rows come after them (docs/adr/0041-acts-under-read-committed.md).
enum ActLock: Hashable {
    /// A number or an e-mail address: whose it is, who claims it, and of a number its codes.
    case address(AddressKind, key: String)
    case loginName(FoldedText)
    /// How an account is reached, what it knows, and that it is there.
    case account(AccountID)
    /// The end of the list of revocations.
    case revocations

    static func number(_ identity: PhoneIdentity) -> ActLock { .address(.phone, key: identity.rawValue) }

    var key: Int64 {
        // Two subjects with one key would only wait for each other.
        SHA256Digest(of: "\(rank)\u{0}\(name)").bytes[..<8].reduce(0) { $0 << 8 | Int64($1) }
    }

    private var rank: Int {
        switch self {
        case .address: 0
        case .loginName: 1
        case .account: 2
        case .revocations: 3
        }
    }

    private var name: String {
        switch self {
        case .address(let kind, let key): "\(kind.rawValue)\u{0}\(key)"
        case .loginName(let name): name.rawValue
        case .account(let account): account.rawValue
        case .revocations: ""
        }
    }

    fileprivate static func inOrder(_ locks: Set<ActLock>) -> [Int64] {
        locks.map { (rank: $0.rank, key: $0.key) }.sorted { ($0.rank, $0.key) < ($1.rank, $1.key) }.map(\.key)
    }
}

extension SQLConnection {
    func lock(_ subject: ActLock) async throws { try await lock(subject.key) }

    func lock(_ subjects: Set<ActLock>) async throws {
        for key in ActLock.inOrder(subjects) { try await lock(key) }
    }

    /// Accounts with everything that they are reached by, so that no code for them is texted, and no address of theirs
    /// becomes somebody's, meanwhile.
    func lock(_ accounts: [AccountID], and others: Set<ActLock> = []) async throws {
        let addresses = try await addressLocks(of: accounts).union(others)
        try await lock(addresses.union(accounts.map(ActLock.account)))
        // An address that came to one of them just before is taken out of order. If that makes a circle, the engine
        // breaks it and the act runs again.
        try await lock(addressLocks(of: accounts).subtracting(addresses))
    }

    /// The account that is found, locked. It is looked for again then: it may be somebody else's by now.
    func lockedAccount(_ find: () async throws -> AccountID?) async throws -> AccountID? {
        guard let account = try await find() else { return nil }
        try await lock(.account(account))
        return try await find() == account ? account : nil
    }

    private func addressLocks(of accounts: [AccountID]) async throws -> Set<ActLock> {
        var locks: Set<ActLock> = []
        for account in accounts {
            let rows = try await rows(
                """
                SELECT 'phone', number FROM account_phone WHERE account_id = \(account)
                UNION SELECT 'email', key FROM account_email WHERE account_id = \(account)
                UNION SELECT kind, key FROM address_claim WHERE account_id = \(account)
                UNION SELECT kind, key FROM address_pending WHERE account_id = \(account)
                UNION SELECT 'phone', old_number FROM number_change WHERE account_id = \(account)
                UNION SELECT 'phone', number FROM account_parked WHERE account_id = \(account)
                """)
            for row in rows {
                guard let kind = AddressKind(rawValue: try row.text(0)) else { continue }
                locks.insert(.address(kind, key: try row.text(1)))
            }
        }
        return locks
    }
}
