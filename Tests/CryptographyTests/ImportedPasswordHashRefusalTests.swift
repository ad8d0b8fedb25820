import Cryptography
import Testing

@Suite(.timeLimit(.minutes(1))) struct ImportedPasswordHashRefusalTests {
    /// One change of a hash that is read.
    struct Deviation: Sendable, CustomTestStringConvertible {
        private let known: String
        private let part: String
        private let replacement: String
        var testDescription: String { "\(known.prefix(14))… \(part) → \(replacement)" }

        init(_ known: String, _ part: String, _ replacement: String) {
            self.known = known
            self.part = part
            self.replacement = replacement
        }

        /// The changed text; fails the test when there was nothing to change.
        func encoded() throws -> String {
            try #require(ImportedPasswordHash(encoded: known) != nil)
            try #require(known.contains(part))
            return known.replacing(part, with: replacement, maxReplacements: 1)
        }
    }

    /// `$2b$05$` with 22 and 31 characters.
    static let bcrypt = [
        ("$2b", "$2x"), ("$2b", "$2"), ("$2b", "$2B"), ("$2b", "$2c"), ("$2b", "2b"), ("$2b", "$$2b"),
        ("$05", "$5"), ("$05", "$005"), ("$05", "$+5"), ("$05", "$ 5"), ("$05", "$03"), ("$05", "$00"), ("$05", "$"),
        ("$05", "$15"), ("$05", "$31"), ("$05", "$99"), ("$05$", "$05"), ("$05$", "$05$$"), ("$abc", "$ab"),
        ("$abc", "$abcd"), ("$abc", "$ab="), ("$abc", "$ab+"), ("$abc", "$ab\u{E9}"), ("$abc", "$ab\0"),
        ("$abc", "$ab$"), ("vI2", "vI"), ("vI2", "vI22"), ("vI2", "vI3"), ("vI2", "vI2$"), ("vI2", "vI2\n"),
    ].map { Deviation(ImportedPasswordHashTests.bcrypt[1], $0, $1) }

    /// `$argon2id$v=19$m=64,t=3,p=4$` with 16 and 32 bytes.
    static let argon2 = [
        ("argon2id", "argon2"), ("argon2id", "argon2ID"), ("argon2id", "argon2di"), ("$argon2id", "argon2id"),
        ("v=19", "v=18"), ("v=19", "v=0"), ("v=19", "v="), ("v=19", "v=019"), ("v=19", "v=+19"), ("v=19", "19"),
        ("v=19", "v=19$v=19"), ("v=19", ""), ("m=64", "m=31"), ("m=64", "m=0"), ("m=64", "m=-64"), ("m=64", "m=+64"),
        ("m=64", "m=064"), ("m=64", "m="), ("m=64", "64"), ("m=64", "M=64"), ("m=64", "m=131073"),
        ("m=64", "m=4294967360"), ("m=64", "m=18446744073709551680"), ("m=64,", ""), ("m=64,", "m=64,m=64,"),
        ("m=64,t=3", "t=3,m=64"), ("t=3", "t=0"), ("t=3", "t=32769"), ("t=3", "t=999999999"), ("t=3", "t=3.0"),
        ("p=4", "p=0"), ("p=4", "p=9"), ("p=4", "p=4,"), ("p=4", "p=4,keyid=AA"), ("p=4", "p=4,data=AA"),
        ("m=64,t=3,p=4", "m=1024,t=3,p=33"), ("m=64,t=3,p=4", "m=131072,t=17,p=1"), ("m=64,t=3,p=4", ""),
        ("$AAECAwQFBgcICQoLDA0ODw", "$"), ("$AAECAwQFBgcICQoLDA0ODw", ""), ("cICQoLDA0ODw", ""), ("0ODw", "0ODx"),
        ("0ODw", "0ODw=="), ("0ODw", "0OD."), ("0ODw", "0OD-"), ("AAEC", String(repeating: "AAEC", count: 18)),
        ("JOTio", "JOTip"), ("JOTio", "JOTio="), ("JOTio", "JOTio$"), ("JOTio", "JOTio$AAECAwQFBgcICQoLDA0ODw"),
        ("HI26PDtYvaSyO6LjISJOTio", ""), ("U5hi", String(repeating: "U5hi", count: 13)),
    ].map { Deviation(ImportedPasswordHashTests.argon2[5], $0, $1) }

    /// passlib's, `$pbkdf2-sha256$1000$` with 16 and 32 bytes.
    static let passlib = [
        ("sha256", "sha384"), ("sha256", "md5"), ("sha256", "SHA256"), ("sha256", ""), ("-sha", "_sha"),
        ("$1000", "$999"), ("$1000", "$01000"), ("$1000", "$+1000"), ("$1000", "$1000,"), ("$1000", "$"),
        ("$1000", ""), ("$1000", "$2000001"), ("$1000", "$4294968296"), ("$1000", "$18446744073709552616"),
        ("$1000", "$1e6"), ("$....", "$+..."), ("$....", "$-..."), ("$....", "$..."), ("$....", "$=..."), ("$....", ""),
        (".....................w", ""), (".....................w", "........"), ("..w", "..x"),
        ("..w", "..w" + String(repeating: "AAAA", count: 17)), ("CG14", "CG15"), ("CG14", "CG14="),
        ("CG14", "CG14$"), ("f2k1g1IOWLnZHlD6YUhpFOSCG14", ""), ("UhpF", String(repeating: "UhpF", count: 12)),
    ].map { Deviation(ImportedPasswordHashTests.passlib[1], $0, $1) }

    /// `$pbkdf2-sha256$i=1000,l=32$` with 16 and 32 bytes.
    static let phcPBKDF2 = [
        ("i=1000", "i=999"), ("i=1000", "i=0"), ("i=1000", "i=01000"), ("i=1000", "i=-1000"), ("i=1000", "i="),
        ("i=1000", "1000"), ("i=1000", "i=2000001"), ("i=1000", "i=4294968296"), ("i=1000,", ""),
        ("i=1000,l=32", "l=32,i=1000"), ("i=1000,l=32", "i=1000,"), ("i=1000,l=32", "i=1000,i=1000"),
        ("l=32", "l=31"), ("l=32", "l=33"), ("l=32", "l="), ("l=32", "l=032"), ("l=32", "l=32,x=1"), ("+w", ".w"),
        ("+w", "+w=="), ("CG14", "CG15"), ("CG14", "CG14$"), ("sha256", "sha384"), ("$pbkdf2", "pbkdf2"),
        // Two blocks of SHA-1: twice the work.
        ("sha256$i=1000,", "sha1$i=1000001,"),
    ].map { Deviation(ImportedPasswordHashTests.phcPBKDF2[3], $0, $1) }

    /// `pbkdf2_sha256$1000$kT7gqOWk2Z9e$` with 32 bytes.
    static let django = [
        ("_sha256", "_sha384"), ("_sha256", "_md5"), ("_sha256", "-sha256"), ("_sha256", "_SHA256"), ("pbk", "$pbk"),
        ("$1000", "$999"), ("$1000", "$01000"), ("$1000", "$-1000"), ("$1000", "$"), ("$1000", "$2000001"),
        ("$1000", "$i=1000"), ("kT7gq", ""), ("kT7gqOWk2Z9e", ""), ("kT7g", "kT$g"), ("kT7g", "kT g"),
        ("kT7g", "kT\u{E9}g"), ("kT7g", String(repeating: "kT7g", count: 15)), ("$kT7gqOWk2Z9e", ""), ("qt8=", "qt8"),
        ("qt8=", "qt9="), ("qt8=", "qt8=="), ("qt8=", "qt8=\n"), ("qt8=", "qt8=$"), ("COXSAw/e6oeUNOba6837qt8=", ""),
    ].map { Deviation(ImportedPasswordHashTests.django[1], $0, $1) }

    /// `$7$86..../....`: N = 2^10, r = 8, p = 1.
    static let scrypt = [
        ("$7", "$8"), ("$7", "7"), ("$86", "$/6"), ("$86", "$.6"), ("$86", "$K6"), ("$86", "$z6"), ("$86", "$"),
        ("86....", "8....."), ("86....", "8zzzzz"), ("/....C", ".....C"), ("/....C", "zzzzzC"), ("/....C", "/...0C"),
        // Twice 128 MiB and what is beside them, and 64 MiB sixteen times.
        ("$86", "$F6"), ("$86", "$DU"), ("86..../", "DE....E"),
        ("Cuc6", "Cuc="), ("Cuc6", "Cuc$"), ("Cuc6", "Cu\u{E9}6"),
        ("Cuc6Z1JImTXgr3Zm/YqHY75Dh4hOt24acHbdz9VLffD", ""), ("Cuc6", String(repeating: "Cuc6", count: 7)),
        ("O6a1", "O6a"), ("O6a1", "O6aG"), ("O6a1", "O6a11"), ("O6a1", "O6a1$"), ("$c9Pd", "c9Pd"),
    ].map { Deviation(ImportedPasswordHashTests.unix[0], $0, $1) }

    /// `$y$j75$`: N = 2^10, r = 8.
    static let yescrypt = [
        ("$y", "$gy"), ("$y", "$Y"), ("$y", "y"), ("j75", "k75"), ("j75", "/75"), ("j75", "j7"), ("j75", "j750"),
        ("j75", "j75/0"), ("j75", "j7k"), ("j75", "jk5"), ("j75", "jzz"), ("j75", "j45"), ("j75", "jF5"),
        ("j75", "jCT"), ("j75", "j7U"), ("j75", ""), ("XFKNa/", "XFKNa"), ("XFKNa/", "XFKNa6"), ("XFKNa/", "XFKNa/$"),
        ("k2XAnEHBqQ1Ct2aMXFKNa/", ""), ("k2XA", String(repeating: "k2XA", count: 18)), ("k2XA", "k2X="),
        ("GmR9", "GmR"), ("GmR9", "GmRE"), ("GmR9", "GmR99"), ("GmR9", "GmR9$"), ("$DVDO", "DVDO"),
    ].map { Deviation(ImportedPasswordHashTests.unix[1], $0, $1) }

    @Test(arguments: bcrypt + argon2 + passlib + phcPBKDF2 + django + scrypt + yescrypt)
    func `one deviation is refused`(_ deviation: Deviation) throws {
        #expect(ImportedPasswordHash(encoded: try deviation.encoded()) == nil)
    }

    @Test(arguments: [
        "", "$", "$$$$", "plain", "!", "*", "x", "{SSHA}2ZbKNNnGlvEDmkDrnxCg", "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "ab3s6qbSRy5hI",
        "$5$rounds=1000$salt$HXFN1hIm9CJ.m9wKSGmBqfE6CkAjY6v1eNFEcwkdhH0",
        "bcrypt$$2b$05$abcdefghijklmnopqrstuunywL8UyhdGWZIV4a8yNIPAUtroLVvI2",
        " $2b$05$abcdefghijklmnopqrstuunywL8UyhdGWZIV4a8yNIPAUtroLVvI2",
    ])
    func `what is no hash of these schemes is refused`(_ encoded: String) {
        #expect(ImportedPasswordHash(encoded: encoded) == nil)
    }

    /// The dearest of each scheme; only read, for checking them would take seconds.
    @Test(arguments: [
        Deviation(ImportedPasswordHashTests.bcrypt[1], "$05", "$14"),
        Deviation(ImportedPasswordHashTests.argon2[5], "m=64,t=3,p=4", "m=131072,t=16,p=32"),
        Deviation(ImportedPasswordHashTests.argon2[5], "m=64,t=3,p=4", "m=65536,t=32,p=8"),
        Deviation(ImportedPasswordHashTests.argon2[5], "m=64,t=3", "m=32,t=65536"),
        Deviation(ImportedPasswordHashTests.passlib[1], "$1000", "$2000000"),
        Deviation(ImportedPasswordHashTests.phcPBKDF2[5], "i=1000", "i=2000000"),
        Deviation(ImportedPasswordHashTests.phcPBKDF2[3], "sha256$i=1000,", "sha1$i=1000000,"),
        Deviation(ImportedPasswordHashTests.django[1], "$1000", "$2000000"),
        Deviation(ImportedPasswordHashTests.unix[0], "$86", "$E6"),
        Deviation(ImportedPasswordHashTests.unix[1], "j75", "jBT"),
    ])
    func `the dearest cost factors allowed stay within the memory allowed`(_ allowed: Deviation) throws {
        let hash = try #require(ImportedPasswordHash(encoded: allowed.encoded()))
        #expect(hash.memory <= 128 << 20)
    }
}
