/// The browser SDK, built into the executable.
package enum SDK {
    package static let script = PackageResources.denwa_js
}
