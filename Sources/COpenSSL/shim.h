#ifndef DENWA_COPENSSL_SHIM_H
#define DENWA_COPENSSL_SHIM_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3.0 or later is required (Debian: libssl-dev)"
#endif

// Only what Swift cannot say: variadic functions, macros, and OSSL_PARAM arrays, whose entries keep borrowed
// pointers that must outlive the call that uses them.

static inline EVP_PKEY *denwa_generate_p256(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static inline EVP_PKEY *denwa_generate_rsa(size_t bits) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}

static inline EVP_PKEY *denwa_generate_ed25519(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static inline EVP_PKEY *denwa_public_key(const char *type, OSSL_PARAM *members) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context == NULL) return NULL;
    if (EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, members) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

// `point` is the uncompressed form 04 ‖ x ‖ y. A point that is not on the curve is refused here.
static inline EVP_PKEY *denwa_p256_public_key(const unsigned char *point, size_t length) {
    char group[] = "P-256";
    OSSL_PARAM members[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, length),
        OSSL_PARAM_construct_end(),
    };
    return denwa_public_key("EC", members);
}

static inline EVP_PKEY *denwa_rsa_public_key(const unsigned char *n, size_t n_length,
                                             const unsigned char *e, size_t e_length) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *members = NULL;
    BIGNUM *modulus = BN_bin2bn(n, (int)n_length, NULL);
    BIGNUM *exponent = BN_bin2bn(e, (int)e_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (modulus != NULL && exponent != NULL && builder != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
        (members = OSSL_PARAM_BLD_to_param(builder)) != NULL) {
        key = denwa_public_key("RSA", members);
    }
    OSSL_PARAM_free(members);
    OSSL_PARAM_BLD_free(builder);
    BN_free(exponent);
    BN_free(modulus);
    return key;
}

static inline EVP_MAC_CTX *denwa_hmac_context(EVP_MAC *hmac, const char *digest) {
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(hmac);
    OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (context != NULL && EVP_MAC_CTX_set_params(context, settings) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

// Answers OpenSSL's question for a passphrase with "there is none"; the default would ask on the terminal.
static inline int denwa_no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

// PKCS#8 "PRIVATE KEY" only: neither the encrypted nor the traditional containers.
static inline EVP_PKEY *denwa_read_pkcs8(BIO *pem) {
    PKCS8_PRIV_KEY_INFO *info =
        PEM_read_bio_PKCS8_PRIV_KEY_INFO(pem, NULL, denwa_no_passphrase, NULL);
    if (info == NULL) return NULL;
    EVP_PKEY *key = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static inline int denwa_write_pkcs8(BIO *pem, const EVP_PKEY *key) {
    return PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL);
}

static inline long denwa_bio_contents(BIO *bio, char **contents) {
    return BIO_get_mem_data(bio, contents);
}

#endif
