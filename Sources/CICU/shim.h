#pragma once

#include <unicode/unorm2.h>

// ICU's functions carry its version in their names, by macros that Swift does not see.

/// NFKC_Casefold (Unicode Standard, section 3.13) of `length` UTF-16 units. Returns the length of the result, or -1
/// when it does not fit.
static inline int32_t denwa_nfkc_casefold(const UChar *text, int32_t length, UChar *folded, int32_t capacity) {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *normalizer = unorm2_getNFKCCasefoldInstance(&status);
    int32_t count = unorm2_normalize(normalizer, text, length, folded, capacity, &status);
    return U_SUCCESS(status) ? count : -1;
}
