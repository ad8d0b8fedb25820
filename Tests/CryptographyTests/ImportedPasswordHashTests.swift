import Cryptography
import Testing

@Suite(.timeLimit(.minutes(1))) struct ImportedPasswordHashTests {
    static let password = "corréct horse"

    /// Python's bcrypt 4.0.1: `hashpw(password, b"$2b$05$abcdefghijklmnopqrstuu")`.
    static let bcrypt = [
        "$2a$05$abcdefghijklmnopqrstuunywL8UyhdGWZIV4a8yNIPAUtroLVvI2",
        "$2b$05$abcdefghijklmnopqrstuunywL8UyhdGWZIV4a8yNIPAUtroLVvI2",
        "$2y$05$abcdefghijklmnopqrstuunywL8UyhdGWZIV4a8yNIPAUtroLVvI2",
        "$2b$04$abcdefghijklmnopqrstuu3cQdrrZPWH8uMNr7ePK9KU8eOfe35A.",
    ]

    /// argon2-cffi 25.1: `low_level.hash_secret(password, bytes(range(16)), passes, kibibytes, lanes, 32, type,
    /// version)`, once with a salt of 8 bytes and 16 bytes of hash. Those without `v=` are of version 16, and the
    /// field was taken out.
    static let argon2 = [
        "$argon2d$v=19$m=64,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$3HmuyCFNzM+el5HK1ZtbiIF/5Q6/nMnbLGVViY/Taoo",
        "$argon2d$v=16$m=128,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$P21FUwTfVnOvPp3A/wgXKbWkr6UaPLJn8dnJw8OE5eQ",
        "$argon2d$m=128,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$P21FUwTfVnOvPp3A/wgXKbWkr6UaPLJn8dnJw8OE5eQ",
        "$argon2i$v=19$m=64,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$Uh+9e+qSnoVTT/JjKNi4mZy8/zepQWDYomOQ4rGpRrg",
        "$argon2i$m=128,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$A/B4desmE2W39RGCVv37iAPED1qUKEvz6I8aNSOt3zE",
        "$argon2id$v=19$m=64,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$U5hi/wB1EXRXj5GQFzWzHI26PDtYvaSyO6LjISJOTio",
        "$argon2id$m=128,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$BnrPFy7UY8HhRyACgoxQEYRAO+kT69AvpYBDAh7pJ2A",
        "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgc$znKwkoF2OE5MBa0qKX0mog",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$TZodb2gFMUc1LFpynp9YtD042BDkKHku02ZoZGBDPD0",
    ]

    /// passlib 1.7.4: `hash.pbkdf2_sha256.using(rounds=1000, salt=salt).hash(password)`, where salt is
    /// `(bytes([0xFB, 0xEF, 0xBE]) * 6)[:16]`, which base64 writes with every `+` it can have.
    static let passlib = [
        "$pbkdf2$1000$.....................w$e5lZCtqH6DevfT2N7/3Q.eG3p.o",
        "$pbkdf2-sha256$1000$.....................w$0DIlZA/fCIn2esp3f2k1g1IOWLnZHlD6YUhpFOSCG14",
        "$pbkdf2-sha512$1000$.....................w$P9dqnn0YDIFigYCXPraXYi69njnYPAY3Ye0d9av/O/"
            + "FypkI0DQajulpXVlFb4up2WDH/82d6X8nykIUMeId9CQ",
    ]

    /// hashlib: `pbkdf2_hmac("sha1", password, salt, 1000, 20)` with the salt above.
    static let phcPBKDF2 = [
        "$pbkdf2$i=1000,l=20$+++++++++++++++++++++w$e5lZCtqH6DevfT2N7/3Q+eG3p+o",
        "$pbkdf2-sha1$i=1000,l=20$+++++++++++++++++++++w$e5lZCtqH6DevfT2N7/3Q+eG3p+o",
        "$pbkdf2-sha1$i=1000,l=16$+++++++++++++++++++++w$e5lZCtqH6DevfT2N7/3Q+Q",
        "$pbkdf2-sha256$i=1000,l=32$+++++++++++++++++++++w$0DIlZA/fCIn2esp3f2k1g1IOWLnZHlD6YUhpFOSCG14",
        "$pbkdf2-sha256$i=1000$+++++++++++++++++++++w$0DIlZA/fCIn2esp3f2k1g1IOWLnZHlD6YUhpFOSCG14",
        "$pbkdf2-sha512$i=1000,l=64$+++++++++++++++++++++w$P9dqnn0YDIFigYCXPraXYi69njnYPAY3Ye0d9av/O/"
            + "FypkI0DQajulpXVlFb4up2WDH/82d6X8nykIUMeId9CQ",
    ]

    /// Django 5.2: `PBKDF2PasswordHasher().encode(password, "kT7gqOWk2Z9e", 1000)`; that of SHA-512, which Django
    /// leaves to its users to derive, by hashlib.
    static let django = [
        "pbkdf2_sha1$1000$kT7gqOWk2Z9e$4PMs5vbOtTeDiQ4+htRS3drKH1c=",
        "pbkdf2_sha256$1000$kT7gqOWk2Z9e$uldGmnGQ0GWDY5QpFMwGCOXSAw/e6oeUNOba6837qt8=",
        "pbkdf2_sha512$1000$kT7gqOWk2Z9e$BqWcYcArZEG0676X+fC/YP3N26Q4sODf7xCi+/mVI7MYDNQwUPQAKTGHS9O1qy5fP+"
            + "eoa34ljmdw4wnBKbNyCQ==",
    ]

    /// The first by libsodium through PyNaCl 1.6.2: `pwhash.scrypt.str(password, opslimit=1 << 15, memlimit=1 << 20)`.
    /// The others by yescrypt's reference code through pyescrypt 0.1.0: `Yescrypt(n=1024, r=8, mode=Mode.MCF)
    /// .digest(password, salt=b"0123456789abcdef")`, and with n=4096, r=32.
    static let unix = [
        "$7$86..../....Cuc6Z1JImTXgr3Zm/YqHY75Dh4hOt24acHbdz9VLffD$c9PdNbhy.xDpBN0Lns6riWsCAAQlYvAiIkZfnYlO6a1",
        "$y$j75$k2XAnEHBqQ1Ct2aMXFKNa/$DVDOskJFkxgDcu7c7tb29pZ88uDijZKxiHDl4anGmR9",
        "$y$j9T$k2XAnEHBqQ1Ct2aMXFKNa/$RnmzcolBB.k4ChqLHU2liTHtV4H2qfkdnWhMq/QU6pC",
    ]

    static let all = bcrypt + argon2 + passlib + phcPBKDF2 + django + unix

    @Test(arguments: all)
    func `a hash made by other software verifies its password and no other`(_ encoded: String) throws {
        let hash = try #require(ImportedPasswordHash(encoded: encoded))
        #expect(hash.verify(password: Self.password))
        for wrong in ["", "correct horse", "corréct horse ", "Corréct horse"] {
            #expect(!hash.verify(password: wrong))
        }
        #expect(!hash.verify(password: String(repeating: "long", count: 2000)))
        #expect(hash.encoded == encoded)
    }

    /// By the same libraries.
    @Test(arguments: [
        "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq",
        "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$Me1B4tc/J/3+TrS+xlE0Hli6Q0dwUcb+StrXNdgu4Io",
        "pbkdf2_sha256$1000$kT7gqOWk2Z9e$JtsDg0YbK31n0qNTtD4TGmXdOuuh/CCJ06nUHEjfVB8=",
    ])
    func `the empty password is a password like any other`(_ encoded: String) throws {
        let hash = try #require(ImportedPasswordHash(encoded: encoded))
        #expect(hash.verify(password: ""))
        #expect(!hash.verify(password: " "))
    }

    @Test func `bcrypt looks at 72 bytes of a password`() throws {
        // `hashpw(b"a" * 90, …)` and `hashpw(("a" * 71 + "é").encode(), …)`, whose last letter is cut in two.
        let hash = try #require(
            ImportedPasswordHash(encoded: "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe"))
        let letters = String(repeating: "a", count: 72)
        for right in [letters, letters + "b", letters + letters + letters] { #expect(hash.verify(password: right)) }
        #expect(!hash.verify(password: String(letters.dropLast())))
        let cut = try #require(
            ImportedPasswordHash(encoded: "$2b$04$abcdefghijklmnopqrstuuoVx8RufeJl2sf6nnK3ltb8OHjZZZsny"))
        for right in ["é", "ê", "éx"] { #expect(cut.verify(password: letters.dropLast() + right)) }
        #expect(!cut.verify(password: letters))
    }

    @Test func `a NUL byte makes a password wrong for bcrypt, even where it does not look`() throws {
        let hash = try #require(ImportedPasswordHash(encoded: Self.bcrypt[1]))
        #expect(!hash.verify(password: Self.password + "\0"))
        #expect(!hash.verify(password: "\0" + Self.password))
        let long = try #require(
            ImportedPasswordHash(encoded: "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe"))
        #expect(!long.verify(password: String(repeating: "a", count: 72) + "\0"))
    }

    /// Not so for PBKDF2: HMAC fills a short key with zeros (RFC 2104 §2), so there a NUL at the end is none.
    @Test(arguments: argon2.dropLast() + unix)
    func `a NUL byte at the end makes another password`(_ encoded: String) throws {
        let hash = try #require(ImportedPasswordHash(encoded: encoded))
        #expect(!hash.verify(password: Self.password + "\0"))
    }

    /// Old libraries left random bits there; `v` is `u` with one of them set.
    @Test func `unused bits of a bcrypt salt do not count`() throws {
        let encoded = Self.bcrypt[1].replacing("tuu", with: "tuv")
        #expect(try #require(ImportedPasswordHash(encoded: encoded)).verify(password: Self.password))
    }

    @Test(arguments: [
        (bcrypt[1], 32 << 10), (argon2[0], 64 << 10), (argon2[8], 64 << 20), (django[1], 4096),
        (unix[0], 1_051_648), (unix[2], (16 << 20) + (1 << 18)),
    ])
    func `a hash says how much memory its check takes`(_ encoded: String, _ bytes: Int) {
        #expect(ImportedPasswordHash(encoded: encoded)?.memory == bytes)
    }

    /// Python's passlib 1.7.4: `hash.scrypt.using(rounds=8, salt=salt).hash(password)` with the salt above.
    @Test func `passlib's scrypt is no matter of this type but of PasswordHash`() throws {
        let encoded = "$scrypt$ln=8,r=8,p=1$+++++++++++++++++++++w$lMunBW1kUGdmaIKl+BTPFiZp7hp9WtaVCxnrwSBrSAM"
        #expect(ImportedPasswordHash(encoded: encoded) == nil)
        let hash = try #require(PasswordHash(encoded: encoded))
        #expect(hash.verify(password: Self.password))
        #expect(!hash.verify(password: "correct horse"))
    }

    @Test func `many threads check at once`() async throws {
        let hashes = try (Self.bcrypt + Self.argon2.dropLast() + Self.django + Self.unix).map {
            try #require(ImportedPasswordHash(encoded: $0))
        }
        let right = await withTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask { @concurrent in
                    var right = 0
                    for round in 0..<2 {
                        for hash in hashes {
                            if hash.verify(password: Self.password) { right += 1 }
                            if hash.verify(password: "\(task) \(round)") { right -= 1000 }
                        }
                    }
                    return right
                }
            }
            return await group.reduce(0, +)
        }
        #expect(right == 16 * 2 * hashes.count)
    }

    @Test func `a hash does not print itself`() throws {
        let hash = try #require(ImportedPasswordHash(encoded: Self.bcrypt[0]))
        var dumped = ""
        dump(hash, to: &dumped)
        for text in [String(describing: hash), String(reflecting: hash), dumped] { #expect(!text.contains("$2a")) }
        #expect(!dumped.contains("scheme"))
    }
}
