#pragma once

#include <stdint.h>

// ICU's own headers stay out of Swift: Foundation brings an ICU of another version, and the compiler takes the two for
// one.

/// NFKC_Casefold (Unicode Standard, section 3.13) of `length` UTF-16 units. Returns the length of the result, or -1
/// when it does not fit.
int32_t denwa_nfkc_casefold(const uint16_t *text, int32_t length, uint16_t *folded, int32_t capacity);
