import Cryptography
import Testing

@Suite struct PasswordHashTests {
    /// Made by Python's hashlib: password "corréct horse", salt 00…0f.
    static let foreign =
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJfuvZS5J2S8NwYFA8sNqR8Q"

    private func cheap(logCost: Int = 4) throws -> ScryptParameters {
        try #require(ScryptParameters(logCost: logCost, blockSize: 8, parallelism: 1))
    }

    @Test func `a password verifies against its hash and no other does`() throws {
        let hash = try PasswordHash.make(password: "corréct horse", parameters: cheap(), entropy: .system)
        #expect(hash.verify(password: "corréct horse"))
        for wrong in ["", "correct horse", "corréct horse ", "Corréct horse"] {
            #expect(!hash.verify(password: wrong))
        }
    }

    @Test func `a hash made by other software verifies`() throws {
        let hash = try #require(PasswordHash(encoded: Self.foreign))
        #expect(hash.verify(password: "corréct horse"))
        #expect(!hash.verify(password: "correct horse"))
        #expect(hash.encoded == Self.foreign)
    }

    @Test func `two hashes of one password differ`() throws {
        let first = try PasswordHash.make(password: "x", parameters: cheap(), entropy: .system)
        let second = try PasswordHash.make(password: "x", parameters: cheap(), entropy: .system)
        #expect(first.encoded != second.encoded)
    }

    @Test func `the stored form reads back`() throws {
        let hash = try PasswordHash.make(password: "x", parameters: cheap(), entropy: .system)
        let read = try #require(PasswordHash(encoded: hash.encoded))
        #expect(read.verify(password: "x"))
        #expect(read.encoded == hash.encoded)
    }

    @Test func `a hash with weaker work factors asks to be made anew`() throws {
        let hash = try PasswordHash.make(password: "x", parameters: cheap(), entropy: .system)
        #expect(hash.needsRehash())
        #expect(try !hash.needsRehash(cheap()))
    }

    @Test func `the standard work factors are those that are written`() {
        let hash = PasswordHash.make(password: "x", entropy: .system)
        #expect(hash.encoded.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        #expect(hash.verify(password: "x"))
        #expect(!hash.needsRehash())
    }

    @Test(arguments: [
        "", "plain", "$scrypt$", "$bcrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "x$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=10,r=8$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$r=8,ln=10,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw",
        "$scrypt$ln=10,r=8,p=1$$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw==$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ$",
        "$scrypt$ln=0,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=-1,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=63,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=20,r=32,p=1$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
        "$scrypt$ln=10,r=8,p=9999999$AAECAwQFBgcICQoLDA0ODw$S2mMdvQSlLv4WqxFII7nJQ",
    ])
    func `a stored form that is malformed or too costly is refused`(_ encoded: String) {
        #expect(PasswordHash(encoded: encoded) == nil)
    }

    @Test func `a hash does not print itself`() {
        let hash = PasswordHash(encoded: Self.foreign)
        #expect(!String(describing: hash).contains("S2mM"))
        #expect(!String(reflecting: hash).contains("S2mM"))
        var dumped = ""
        dump(hash, to: &dumped)
        #expect(!dumped.contains("parameters"))
    }
}
