#ifndef DENWA_LIBRARY_ANSWERS_H
#define DENWA_LIBRARY_ANSWERS_H

/// libphonenumber's own answers, each by its own separate public call, and its example numbers.
///
/// Only tests use these: they are the measure that `denwa_phone_check` is held against. Nothing here is
/// fast, and nothing here refuses what `denwa_phone_check` refuses on Denwa's own account.

#include <stdbool.h>
#include <stddef.h>

#include "CPhoneNumber.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /// `Parse` reported no error.
    bool parsed;
    bool has_extension;
    /// `IsValidNumber`.
    bool valid;
    /// `Format`, `GetRegionCodeForNumber` and `GetNumberType`.
    denwa_phone_answer answer;
} denwa_library_answer;

denwa_library_answer denwa_library_ask(const char *text, size_t length, const char *default_region);

typedef struct {
    /// NUL-terminated; empty when there is no such thing.
    char text[DENWA_PHONE_E164_CAPACITY];
} denwa_library_text;

/// The supported regions in alphabetical order; empty past the end.
denwa_library_text denwa_library_region(size_t index);

/// The supported country calling codes in ascending order; 0 past the end.
int denwa_library_calling_code(size_t index);

/// The example number of a type in a region, in E.164.
denwa_library_text denwa_library_example(const char *region, denwa_line_type line_type);

/// The example number of a calling code that belongs to no country, in E.164.
denwa_library_text denwa_library_non_geographic_example(int calling_code);

/// Writes to the log of the library, as the library would.
void denwa_library_log(const char *message);

#ifdef __cplusplus
}
#endif

#endif
