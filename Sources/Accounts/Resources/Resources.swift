/// The files of this folder, built into the executable.
package enum AccountFiles {
    /// One password a line, in small letters; docs/licences.md says where the list is from.
    package static let commonPasswords = PackageResources.common_passwords_txt
}
