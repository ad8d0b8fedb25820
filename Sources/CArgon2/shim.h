#ifndef DENWA_CARGON2_SHIM_H
#define DENWA_CARGON2_SHIM_H

#include <argon2.h>

// Only what Swift cannot say: a context keeps borrowed pointers that must outlive the call that uses them.
// One thread computes all lanes, which changes nothing of the result; the library's shorter functions would
// start a thread a lane.
static inline int denwa_argon2(argon2_type type, uint32_t version, uint32_t passes, uint32_t kibibytes,
                               uint32_t lanes, const uint8_t *password, uint32_t password_length,
                               const uint8_t *salt, uint32_t salt_length,
                               uint8_t *output, uint32_t output_length) {
    argon2_context context = {0};
    context.out = output;
    context.outlen = output_length;
    context.pwd = (uint8_t *)password;
    context.pwdlen = password_length;
    context.salt = (uint8_t *)salt;
    context.saltlen = salt_length;
    context.t_cost = passes;
    context.m_cost = kibibytes;
    context.lanes = lanes;
    context.threads = 1;
    context.version = version;
    context.flags = ARGON2_DEFAULT_FLAGS;
    return argon2_ctx(&context, type);
}

#endif
