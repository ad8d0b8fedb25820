/// Keys that must be refused, made for these tests only.
enum RefusedKeys {
    /// RSA of 1024 bits
    static let rsa1024 = """
        -----BEGIN PRIVATE KEY-----
        MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAJ+uJAlf6Z/hIgjN
        lx2CGEpslFmPsXW9xrroCctz6XXdQfpG/Y4gMb5ibFqSztELuerbspqheNp63M0K
        WQ1tX/O3gXEMewEiEMuQdSZ4w5Y5HYah75tMk7yyZy3LqgTHWyqNNnBAr+T7ml58
        pAhwOiB6GXIpWESthsSaN2K6sOmNAgMBAAECgYASw26+n0Ofot/R8v6f3AqorCue
        fpEWyc8RZXTJMHyteetn0nG3Ard1rLEYz4l37Q3SuDA7lV/TJH7PpTijqEeO92QB
        m2vKUW0uuLLEeRF5nMsFle40QrcW1+z9cSSWebzEpEuuKYvnWWj+HfIktfkUDx8J
        NL0bMFmSa/OCSFOEDQJBANGvT502H/ea/pArt/c9GwcCCJ93BA3SAxKvnlb3psmG
        Zir0pdIL6banvHh49Hv+m8dIVe7y7Mrzm0zJgfnw+yMCQQDC805/R1khb1BHitja
        neT/W7y9XfUO178Kut9VP5f9H/tuYTkOM7mr6+Z/bC2UgFRB9KKzhVuxWcrgZXW3
        v2uPAkEAqJtJb2bISbeuHouo//t4sifmeyOedOZ8ZhglQFUfHkkd+kiC1eWSZrd2
        C4FnRhUzegkmYF+iHIfKRvJ5u1sU9QJBALiNDj2NdIIjV3MyrRFgMf3PgYAfJzMS
        6Iam229fUWnN0f7vSMz6CIYJPt5XsVqIlbsOdMvPrjrZTyZYxjTZoF8CQBfBbyIn
        MC+er0Pz7S+5GwKA0+df+6YYstfdGojkVzyesCYFdn+DkVn5S0Rk0oiFcydbM0h6
        AXuwcnpuwhCHGIY=
        -----END PRIVATE KEY-----
        """

    /// RSA of 2048 bits, bound to PSS
    static let rsaPSS = """
        -----BEGIN PRIVATE KEY-----
        MIIEuwIBADALBgkqhkiG9w0BAQoEggSnMIIEowIBAAKCAQEAvxhEdqALEEnBwFiz
        maQEFduTaq9zFlaFlMf94DRnoeqV0qfemIWcEmUkS5klW2j31FF5oX9EGaTGUN1M
        2lwb7kuHuWrdnun25yVpusKJoSWXra1swzEgISv5z14SubDLJrwyxYsPrQTSm0l9
        Hm8+fmnBP3e1dZyJ8cjK8e853gkELqjSrWNRzzC6h3zG/yVd3STHlL8x5tOVHvBH
        InwyeTpLOOSS5JS7qENCaEZ+U/LZS42hwZ8B8Heja9ByfUeNxdlbTQL0DQ25voF5
        WPc604PRK9NVMAoca9/U7gqWDrerDrHWKgIa8T2J8vDKWFFzJlZX9o8J4/S/DMmv
        /LH0ywIDAQABAoIBAEXI2e+sIH4xQTU571STRf6pchtKuS+WJzAfHMJMwO+rWE1W
        in6OhGFfWDLXWYIZQi/iFRX6AOeQee+78T3o1zZdlNIMiaRn8oeU7RiLxHD55ntB
        Uu+xN/eFNLQauaHgQ0ABCFWFpBLeKP8Whj+gBmVpv22rDLRHl0SZvCs/3pULeXGl
        a2XKBNCrECQwz5q+3h99NxqRK/p/PkmoeZhhjyamWL5Yw2XdB6z36TS05tZO0kz/
        4/GT/b5D1CoL0hcAHAxy1OFfM58K7rOSIyLZVyZqI/g2iAxzmcaFpYbRLRnioGRu
        JQlpVpsd4jBQwlpMxAdYqXZNYA5s7OLor487HpECgYEA9aErZxWlrzt0GP27YWOo
        aNAgllicTvqJd0Z9bDnMl0yGDnFhgTRL6MliN31GnnFQFQbOsP3GEvI3uMu8iwvu
        rmyxTsLN/FHS+LJ+gMH6LYxsd8Ws90cVukTBAuj4bcc/DxWUsx9nBVlmKsYFtA2r
        aooIhxOwiecMgNXUMg7PilMCgYEAxymr3/VBjIN1QU82wC37ksym2RvJep/stMOM
        2E+rpIrkcUU+h0pMmASyGrtFPFgF7Xvy1zS9P1030Ixq7fg08/cXimzVVz+tvpeP
        a2rLyJ6K/Dp98nwkgTFc93ld477xjUv+1t2RxHn7Z7WLrXcJs0s6Q8cquDYEIuBK
        IOcFTKkCgYAAqN4k+LnpLo+xQX0vVcUuAuEThkllLOcRmu7bS4xxG5OAlm1cm3dY
        uLG61GtMIaHFbK9Bam0Nv/jGVkW7WdzaOxB+1acX9mBKqrAMSHkThj0EVVORlm9I
        gMbD6zw/jzlsIPK1SHBOY18S3lVFloPPVW+QbU0cEbLG5cwcFk4YYQKBgQCxP779
        hLKfsWcrhqo9gy8ASS68zmQTxDzP67Fv2gfyWsJQpMWvdkqQiK1R6RUHTXeJEeTf
        7sn2mKnR6wZHX70Q2vmScqW0DrI8i3pSqStQEvmy3QO2SRHcAOiyPst2ozsq+1WE
        OJFAgSdj90imSujRLsReCeVVKI2p1F9kxPYMcQKBgEjvGsT2hJjCJe0vjvUX85BJ
        MMwyfxOGLc6gOjpXZpHM5RON9unPCciJh+/O+1QErgMMFkXI5NyAMqLpzzWsNTKi
        We0R+L/TSRLO4e47PGvImMmt/Hc343FuGb7TV+MkX6WSqmMPDTwAckXybjaj5T50
        qdyxB0DnlHCs25s0GQdV
        -----END PRIVATE KEY-----
        """

    static let p384 = """
        -----BEGIN PRIVATE KEY-----
        MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDB4NPBmSlvwOk+gKH71
        Xh96iUGVKcUDL+9H51NujBd0OdYCIEM+gKpeGEukHoonbeehZANiAASfaN5wwj8q
        SNJRCyKX8pIbPkC3MhgIfCdLtPpAPdTI0TTOxTpi9EPii9uQog49p/lHjnFOfeGm
        xZzJkonMa/kerHvOkUIXkLestnoyBJd8oUp4qRyq2Wa0UVPbGUjweHk=
        -----END PRIVATE KEY-----
        """

    /// As long as P-256, and another curve.
    static let secp256k1 = """
        -----BEGIN PRIVATE KEY-----
        MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgLGDb8fcHhMVQbOOKrqGz
        stxZUs7N1qVb4/fBSF7ActuhRANCAAT2VDMvJOLcaEo8m4G3xey6/sXXArPiYjDd
        m7yOyp7+58oDQ0ohz8ntREkoHTz7iIcOfaGN/ey/ypphEAZgKC/B
        -----END PRIVATE KEY-----
        """

    /// P-256 spelled out in numbers, the form of CVE-2020-0601.
    static let explicitP256 = """
        -----BEGIN PRIVATE KEY-----
        MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB
        AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA
        ///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV
        AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg
        9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A
        AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgt+2P7mXxC/aW
        nttzz2o5lUQTBThOoADSHRe87cSpQA6hRANCAASRbuCIW976NzhfSTCu4VoSucfz
        WsSVjPFlPFlh/w4X0v9wahb+uXrpxgbB6UtPFbXyEgmn+3oe8wFD+PuMwiEZ
        -----END PRIVATE KEY-----
        """

    static let ed448 = """
        -----BEGIN PRIVATE KEY-----
        MEcCAQAwBQYDK2VxBDsEOTpKFc1PgSmJyDfbLfogGpDGProkZfKaYzeakia9TLi5
        CL6hBRGwtHZCP5/oPxOFZSN+3wlRlbS7aw==
        -----END PRIVATE KEY-----
        """

    /// For key agreement; it cannot sign.
    static let x25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VuBCIEIJD0QYNDFrOBWLUHJJLAhb2ZOG2zI5kqKTY2ROyXxjFc
        -----END PRIVATE KEY-----
        """

    static let publicOnly = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
        6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
        -----END PUBLIC KEY-----
        """

    /// PKCS#8, but under a passphrase.
    static let encrypted = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBDlZPKjwXEvCthQhQZ6
        J7tUAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQxpGqhe6akPkspNpM
        ytWhqgSBkP1hfkmOVFC+jdmVIEcvI0qzw/SipkxxVxjiRiIDb1KnprWrP2AZ3zzU
        hCkGniMsYRaDPPrPz5k4e6C2Ox6EjEW3Osu/yqfdB6jDd0qt9g+weRW07jmDCnbw
        dqbreG3cl1vVooZU5gvACqCY2DcCEC81JmxxM3pClAwFkmIZzy0wozENn6KP0wH4
        4GGHCoQ7nQ==
        -----END ENCRYPTED PRIVATE KEY-----
        """

    /// The form before PKCS#8.
    static let traditional = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49
        AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b
        focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
        -----END EC PRIVATE KEY-----
        """
}
