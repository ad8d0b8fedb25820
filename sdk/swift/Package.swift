// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "DenwaClient",
    platforms: [.iOS(.v16), .macOS(.v13), .tvOS(.v16), .visionOS(.v1), .watchOS(.v9)],
    products: [.library(name: "DenwaClient", targets: ["DenwaClient"])],
    targets: [
        .target(
            name: "DenwaClient",
            // Apple's platforms have CryptoKit.
            dependencies: [.target(name: "CCrypto", condition: .when(platforms: [.linux]))]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .testTarget(name: "DenwaClientTests", dependencies: ["DenwaClient"]),
    ]
)

for target in package.targets where [.regular, .test].contains(target.type) {
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
