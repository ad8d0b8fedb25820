import Accounts
import DeveloperLog
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@Suite struct AccountTests {
    private let login = PhoneLoginFixture()

    @Test(arguments: Backend.allCases)
    func `a number leads to the same account every time`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let first = try await login.signIn(on: store).account
            #expect(try await login.signIn(on: store, at: .noon.adding(seconds: 86_400)).account == first)
            var bob = login
            bob.phone = .bob
            #expect(try await bob.signIn(on: store).account != first)
            #expect(try await store.account(.id(first)) == Account(id: first, isDisabled: false))
            #expect(try await store.account(.number("+819012345678"))?.id == first)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a disabled account does not sign in, and its code is dead all the same`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.signIn(on: store)
            _ = try await store.setDisabled(true, .number("+819012345678"), at: .noon)
            let starts = try await login.start("operation", on: store)
            #expect(starts.kind == .started, "nobody may learn from a start that the account is disabled")
            #expect(try await login.guess("999999", at: "operation", on: store) == .wrong)
            _ = try await login.start("again", on: store)
            #expect((try await login.guess("246802", at: "again", on: store)).isAccountDisabled)
            #expect(try await login.guess("246802", at: "again", on: store) == .unknown)
            #expect(try await store.count("authorization_code") == 1)
            #expect(try await store.log().map(\.kind).suffix(2) == [.accountRefused, .operationUnknown])
        }
    }

    @Test(arguments: Backend.allCases)
    func `an account that is enabled again signs in again`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let account = try await login.signIn(on: store).account
            #expect(try await store.setDisabled(true, .id(account), at: .noon)?.isDisabled == true)
            #expect(try await store.setDisabled(true, .id(account), at: .noon)?.isDisabled == true)
            #expect(try await store.setDisabled(false, .id(account), at: .noon)?.isDisabled == false)
            #expect(try await login.signIn(on: store).account == account)
            #expect(try await store.log().map(\.kind) == [.accountDisabled, .accountEnabled])
        }
    }

    @Test(
        arguments: Backend.allCases,
        [LoginIdentifier(reference: "+819012345678"), LoginIdentifier(reference: "nobody")])
    func `an account that does not exist is nothing to disable`(
        on backend: Backend, _ reference: LoginIdentifier
    ) async throws {
        try await backend.withStore { store in
            let disabled = try await store.setDisabled(true, reference, at: .noon)
            #expect(disabled == nil)
            #expect(try await store.account(reference) == nil)
            #expect(try await store.log().isEmpty)
        }
    }
}
