#ifndef DENWA_CCRYPTO_SHIM_H
#define DENWA_CCRYPTO_SHIM_H

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3.0 or later is required (Debian: libssl-dev)"
#endif

// A P-256 key crosses this border as the DER of its private key, so that Swift owns no pointer of OpenSSL's.
// Every function answers 1, or a length, and 0 when OpenSSL refuses.

static inline EVP_PKEY *denwa_read_key(const unsigned char *der, size_t length) {
    if (length > LONG_MAX) return NULL;
    return d2i_AutoPrivateKey(NULL, &der, (long)length);
}

/// Writes a new key into `der`, and answers its length.
static inline size_t denwa_generate_p256(unsigned char *der, size_t capacity) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (key == NULL) return 0;
    int length = i2d_PrivateKey(key, NULL);
    if (length <= 0 || (size_t)length > capacity) length = 0;
    else length = i2d_PrivateKey(key, &der);
    EVP_PKEY_free(key);
    return length > 0 ? (size_t)length : 0;
}

/// `point` is 65 bytes: 04 ‖ x ‖ y. A key of another kind is refused.
static inline int denwa_p256_point(const unsigned char *der, size_t length, unsigned char *point) {
    char group[16] = "";
    size_t written = 0;
    EVP_PKEY *key = denwa_read_key(der, length);
    int done = key != NULL && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
        OBJ_txt2nid(group) == NID_X9_62_prime256v1 &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &written) == 1 && written == 65;
    EVP_PKEY_free(key);
    return done;
}

/// `signature` is 64 bytes: r ‖ s (RFC 7518 §3.4), over SHA-256 of the message.
static inline int denwa_p256_sign(const unsigned char *der, size_t length, const unsigned char *message,
                                  size_t message_length, unsigned char *signature) {
    unsigned char encoded[80];
    size_t encoded_length = sizeof encoded;
    const unsigned char *cursor = encoded;
    ECDSA_SIG *pair = NULL;
    EVP_PKEY *key = denwa_read_key(der, length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = key != NULL && context != NULL &&
        EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(context, encoded, &encoded_length, message, message_length) == 1 &&
        (pair = d2i_ECDSA_SIG(NULL, &cursor, (long)encoded_length)) != NULL &&
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32;
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return done;
}

static inline int denwa_sha256(const unsigned char *message, size_t length, unsigned char *digest) {
    return EVP_Digest(message, length, digest, NULL, EVP_sha256(), NULL);
}

#endif
