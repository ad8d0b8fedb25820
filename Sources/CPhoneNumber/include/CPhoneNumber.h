#ifndef DENWA_C_PHONE_NUMBER_H
#define DENWA_C_PHONE_NUMBER_H

/// The C face of libphonenumber: one call gives every answer Denwa needs about a number.
///
/// Nothing allocated crosses this border, and no C++ exception leaves it. Every function may be called from
/// any thread at any time. `LibraryAnswers.h` is for tests and the benchmark.

#include <stddef.h>

#if defined(__clang__)
#define DENWA_CLOSED __attribute__((enum_extensibility(closed)))
#define DENWA_NAME(name) __attribute__((swift_name(#name)))
#else
#define DENWA_CLOSED
#define DENWA_NAME(name)
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /// Longer texts are refused unread: the library runs backtracking regular expressions over its input.
    DENWA_PHONE_TEXT_LIMIT = 64,
    /// '+', a country code of 3 digits, a national number of 17 (`kMaxLengthForNsn`), NUL; rounded up.
    DENWA_PHONE_E164_CAPACITY = 24,
    /// Two letters, or "001"; NUL.
    DENWA_PHONE_REGION_CAPACITY = 4
};

typedef enum DENWA_CLOSED denwa_phone_status {
    DENWA_PHONE_VALID DENWA_NAME(valid),
    /// Not readable as one phone number without an extension.
    DENWA_PHONE_MALFORMED DENWA_NAME(malformed),
    /// Readable, but no numbering plan known to the library has such a number.
    DENWA_PHONE_INVALID DENWA_NAME(invalid)
} denwa_phone_status;

typedef enum DENWA_CLOSED denwa_line_type {
    DENWA_LINE_MOBILE DENWA_NAME(mobile),
    DENWA_LINE_FIXED DENWA_NAME(fixedLine),
    /// The plan does not tell the two apart (all of North America).
    DENWA_LINE_FIXED_OR_MOBILE DENWA_NAME(fixedLineOrMobile),
    DENWA_LINE_PREMIUM DENWA_NAME(premium),
    DENWA_LINE_TOLL_FREE DENWA_NAME(tollFree),
    DENWA_LINE_SHARED_COST DENWA_NAME(sharedCost),
    DENWA_LINE_VOIP DENWA_NAME(voip),
    DENWA_LINE_PERSONAL DENWA_NAME(personal),
    DENWA_LINE_PAGER DENWA_NAME(pager),
    DENWA_LINE_UAN DENWA_NAME(uan),
    DENWA_LINE_VOICEMAIL DENWA_NAME(voicemail),
    DENWA_LINE_UNKNOWN DENWA_NAME(unknown)
} denwa_line_type;

typedef struct {
    /// "+819012345678", NUL-terminated.
    char e164[DENWA_PHONE_E164_CAPACITY];
    /// ISO 3166-1 alpha-2, or "001" for codes that belong to no country (+800, +870 …); NUL-terminated.
    char region[DENWA_PHONE_REGION_CAPACITY];
    denwa_line_type line_type;
} denwa_phone_answer;

/// Parses and judges a number, and tells its E.164 spelling, region and line type.
///
/// `default_region` (upper-case ISO 3166-1 alpha-2, or null) gives meaning to a national spelling.
/// `answer` is written only when the result is `DENWA_PHONE_VALID`. Memory exhausted inside the library
/// counts as `DENWA_PHONE_INVALID`: a number that could not be checked is not accepted.
denwa_phone_status denwa_phone_check(
    const char *text, size_t length, const char *default_region, denwa_phone_answer *answer);

#ifdef __cplusplus
}
#endif

#include "LibraryAnswers.h"

#endif
