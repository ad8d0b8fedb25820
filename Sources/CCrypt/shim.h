#ifndef DENWA_CCRYPT_SHIM_H
#define DENWA_CCRYPT_SHIM_H

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#ifndef XCRYPT_VERSION_NUM
#error "libxcrypt is required (Debian: libcrypt-dev); other systems' libcrypt knows too few schemes"
#endif

#define DENWA_CRYPT_OUTPUT_SIZE CRYPT_OUTPUT_SIZE

// Hashes as `setting` says; `output` has room for DENWA_CRYPT_OUTPUT_SIZE characters. 1, or 0 when libcrypt
// refuses the setting or lacks memory. Its 32 KiB of working memory are taken here, for a thread's stack may be
// small and Swift would import the array as a tuple; no two calls share any, so threads may call at once.
static inline int denwa_crypt(const char *password, const char *setting, char *output) {
    struct crypt_data *data = (struct crypt_data *)calloc(1, sizeof(struct crypt_data));
    if (data == NULL) return 0;
    const char *hash = crypt_rn(password, setting, data, (int)sizeof(struct crypt_data));
    if (hash != NULL) memcpy(output, hash, strlen(hash) + 1);
    free(data);
    return hash != NULL;
}

#endif
