// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "denwa",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "denwa", targets: ["denwa"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.34.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The executable: one file a command, and the one place that knows every part.
        .executableTarget(
            name: "denwa",
            dependencies: [
                "Web", "Storage", "SQLiteDriver", "PostgresDriver", "PlayFab", "AccountManagement", "PhoneLogin",
                "OAuth", "Accounts",
                "Messaging",
                "AccountImport", "ClientServers", "InternetAddresses", "OutboundHTTP", "PhoneNumbers", "DeveloperLog",
                "RateLimiting", "JOSE", "Cryptography", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        // Adapters: HTTP, SQL, an engine.
        .target(
            name: "Web",
            dependencies: [
                "WebResources", "SDK", "AccountManagement", "PhoneLogin", "OAuth", "Accounts", "Messaging",
                "InternetAddresses", "PhoneNumbers", "DeveloperLog",
                "RateLimiting", "JOSE", "Cryptography", "Time", "QRCodes",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            exclude: ["Resources"]),
        // Apart from `Web`, so that only a change of the files compiles them again.
        .target(
            name: "WebResources", path: "Sources/Web/Resources",
            exclude: ["regions.mjs", "Regions/calling-codes.json"],
            resources: [
                .embedInCode("Templates"), .embedInCode("Locales"), .embedInCode("Regions"), .embedInCode("Demo"),
                .embedInCode("OpenAPI"), .embedInCode("denwa.css"), .embedInCode("denwa.js"),
            ]),
        .target(
            name: "SDK", path: "sdk", exclude: ["denwa.d.ts", "swift", "unity"], resources: [.embedInCode("denwa.js")]),
        .target(
            name: "Storage",
            dependencies: [
                "AccountManagement", "PhoneLogin", "OAuth", "Accounts", "Messaging", "PhoneNumbers", "DeveloperLog",
                "RateLimiting",
                "JOSE", "Cryptography", "Time",
            ]),
        .target(
            name: "SQLiteDriver",
            dependencies: [
                "Storage", "CSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        .target(name: "PostgresDriver", dependencies: ["Storage", "CPostgres"]),

        // The domain: no HTTP, no SQL, no clock of its own.
        .target(
            name: "AccountManagement",
            dependencies: [
                "PhoneLogin", "OAuth", "Accounts", "Messaging", "PhoneNumbers", "DeveloperLog", "RateLimiting",
                "Cryptography", "Time",
            ]),
        .target(
            name: "PhoneLogin",
            dependencies: [
                "OAuth", "Accounts", "Messaging", "PhoneNumbers", "DeveloperLog", "RateLimiting", "Cryptography",
                "Time",
            ]),
        .target(
            name: "OAuth",
            dependencies: ["Accounts", "DeveloperLog", "RateLimiting", "JOSE", "Cryptography", "Time"]),
        .target(
            name: "Accounts",
            dependencies: [
                "AccountResources", "CICU", "DeveloperLog", "JOSE", "Cryptography", "Time",
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Resources"]),
        .target(
            name: "AccountResources", path: "Sources/Accounts/Resources",
            resources: [.embedInCode("common-passwords.txt")]),
        .target(
            name: "Messaging",
            dependencies: [
                "OutboundHTTP", "JOSE", "Cryptography", "Time", "CCurl",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "PlayFab",
            dependencies: ["OutboundHTTP", "OAuth", "JOSE", .product(name: "Logging", package: "swift-log")]),
        // What this server asks of clients' own servers, whose addresses are strangers' words.
        .target(
            name: "ClientServers",
            dependencies: [
                "InternetAddresses", "OAuth", "Accounts", "DeveloperLog", "JOSE", "Cryptography", "Time",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        // Reads files of users from elsewhere.
        .target(name: "AccountImport", dependencies: ["JOSE", "PhoneNumbers", "Time"]),
        .target(name: "DeveloperLog", dependencies: ["Time"]),
        .target(name: "RateLimiting", dependencies: ["Time"]),

        // What the domain stands on.
        .target(name: "JOSE", dependencies: ["Cryptography", "Time"]),
        .target(name: "PhoneNumbers", dependencies: ["CPhoneNumber"]),
        .target(name: "Cryptography", dependencies: ["COpenSSL", "CCrypt", "CArgon2", "Time"]),
        .target(name: "InternetAddresses"),
        .target(name: "Time"),
        // The one way out to other people's HTTP servers.
        .target(
            name: "OutboundHTTP",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        .target(name: "QRCodes", dependencies: ["CQREncode"]),
        .target(name: "CPhoneNumber", linkerSettings: [.linkedLibrary("phonenumber")]),
        .target(name: "CICU", linkerSettings: [.linkedLibrary("icuuc")]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        .executableTarget(
            name: "storage-benchmark", dependencies: ["Storage", "SQLiteDriver", "DeveloperLog", "Time"],
            path: "Benchmarks/Storage"),

        // An attack on the texting budget among honest logins; docs/abuse.md has its figures, and a test runs it.
        .target(
            name: "AbuseSimulation",
            dependencies: [
                "SQLiteDriver", "Storage", "PhoneLogin", "OAuth", "Accounts", "Messaging", "PhoneNumbers",
                "DeveloperLog", "RateLimiting", "Cryptography", "Time",
            ],
            path: "Benchmarks/AbuseSimulation"),
        .executableTarget(
            name: "abuse-simulation", dependencies: ["AbuseSimulation", "JOSE"],
            path: "Benchmarks/AbuseSimulationReport"),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "SQLiteDriver", "PostgresDriver", "Storage", "AccountManagement", "PhoneLogin", "OAuth", "Accounts",
                "Messaging", "PhoneNumbers",
                "DeveloperLog", "RateLimiting", "Cryptography", "Time",
            ],
            path: "Tests/TestSupport"),
        .testTarget(
            name: "DenwaTests",
            dependencies: [
                "denwa", "AbuseSimulation", "TestSupport", "AccountManagement", "Storage", "PhoneLogin", "OAuth",
                "Accounts", "Messaging",
                "DeveloperLog",
                "RateLimiting", "JOSE", "Cryptography", "Time",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .testTarget(
            name: "StorageTests",
            dependencies: [
                "TestSupport", "SQLiteDriver", "PostgresDriver", "Storage", "AccountManagement", "PhoneLogin", "OAuth",
                "Accounts",
                "Messaging",
                "PhoneNumbers", "DeveloperLog", "RateLimiting", "JOSE", "Cryptography", "Time",
            ]),
        .testTarget(
            name: "PostgresDriverTests", dependencies: ["TestSupport", "PostgresDriver", "Storage", "Time"]),
        .testTarget(
            name: "OAuthTests",
            dependencies: ["TestSupport", "OAuth", "Accounts", "DeveloperLog", "JOSE", "Cryptography", "Time"]),
        .testTarget(
            name: "PhoneLoginTests",
            dependencies: [
                "TestSupport", "PhoneLogin", "Storage", "OAuth", "Accounts", "Messaging", "PhoneNumbers",
                "DeveloperLog", "RateLimiting", "Cryptography", "Time",
            ]),
        .testTarget(
            name: "MessagingTests",
            dependencies: [
                "TestSupport", "Messaging", "OutboundHTTP", "Storage", "PhoneLogin", "OAuth", "DeveloperLog", "JOSE",
                "Cryptography", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "AccountManagementTests",
            dependencies: [
                "TestSupport", "AccountManagement", "Storage", "PhoneLogin", "OAuth", "Accounts", "Messaging",
                "PhoneNumbers", "DeveloperLog", "RateLimiting", "JOSE", "Cryptography", "Time",
            ]),
        .testTarget(name: "RateLimitingTests", dependencies: ["RateLimiting", "Time"]),
        .testTarget(
            name: "WebTests",
            dependencies: [
                "Web", "WebResources", "PhoneLogin", "OAuth", "Messaging", "InternetAddresses", "PhoneNumbers", "JOSE",
                "Cryptography", "Time",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .testTarget(name: "AccountImportTests", dependencies: ["AccountImport", "PhoneNumbers", "Time"]),
        .testTarget(
            name: "ClientServersTests",
            dependencies: [
                "ClientServers", "InternetAddresses", "TestSupport", "Storage", "OAuth", "Accounts", "DeveloperLog",
                "JOSE", "Cryptography", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography", "Time"]),
        .testTarget(name: "JOSETests", dependencies: ["JOSE", "Cryptography", "Time"]),
        .testTarget(name: "QRCodesTests", dependencies: ["QRCodes"]),
        .testTarget(name: "PhoneNumbersTests", dependencies: ["PhoneNumbers", "CPhoneNumber"]),
    ],
    cxxLanguageStandard: .cxx17
)

for target in package.targets where [.regular, .executable, .test].contains(target.type) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
        .strictMemorySafety(),
    ]
}
