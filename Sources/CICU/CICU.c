#include "CICU.h"

#include <unicode/unorm2.h>

int32_t denwa_nfkc_casefold(const uint16_t *text, int32_t length, uint16_t *folded, int32_t capacity) {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *normalizer = unorm2_getNFKCCasefoldInstance(&status);
    int32_t count = unorm2_normalize(normalizer, text, length, folded, capacity, &status);
    return U_SUCCESS(status) ? count : -1;
}
