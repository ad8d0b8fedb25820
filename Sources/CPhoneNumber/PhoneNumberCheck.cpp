#include "Library.hpp"

#include <phonenumbers/phonenumber.pb.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace {

/// CLDR's "unknown region": with it, only international spellings parse.
const char *const unknown_region = "ZZ";

/// Whether E.164 text, read again, is the same number.
///
/// The library strips at most one trunk prefix a time, so a few texts lead to a number whose own E.164
/// spelling is another number: "+52 1 1 844 298 2060" gives "+5218442982060", and that gives
/// "+528442982060". Accepting both would be two accounts, and two guess counters, for one telephone.
bool is_its_own_spelling(const PhoneNumberUtil &library, const std::string &e164) {
    PhoneNumber again;
    if (library.Parse(e164, unknown_region, &again) != PhoneNumberUtil::NO_PARSING_ERROR) return false;
    std::string spelling;
    library.Format(again, PhoneNumberUtil::E164, &spelling);
    return spelling == e164;
}

/// `Parse` cannot be left out even for text that is E.164 by its looks: it is what decides between a
/// national number and a trunk prefix ("+52 1 …" is valid with the 1, yet the number is the one without).
///
/// `IsValidNumber` is left out: it finds the region, then asks whether the type is known, and
/// `GetNumberType` has done both. The type goes first because an invalid number then costs no second
/// search for the region, which under a shared code (+1) tries country after country.
denwa_phone_status check(const std::string &text, const char *default_region, denwa_phone_answer &answer) {
    const PhoneNumberUtil &library = denwa::library();

    PhoneNumber number;
    switch (library.Parse(text, default_region, &number)) {
    case PhoneNumberUtil::NO_PARSING_ERROR: break;
    case PhoneNumberUtil::NOT_A_NUMBER: return DENWA_PHONE_MALFORMED;
    default: return DENWA_PHONE_INVALID;
    }
    // E.164 has no extensions: dropping one would make many texts of one number.
    if (number.has_extension()) return DENWA_PHONE_MALFORMED;

    const PhoneNumberUtil::PhoneNumberType type = library.GetNumberType(number);
    if (type == PhoneNumberUtil::UNKNOWN) return DENWA_PHONE_INVALID;

    std::string e164;
    library.Format(number, PhoneNumberUtil::E164, &e164);
    if (e164 != text && !is_its_own_spelling(library, e164)) return DENWA_PHONE_INVALID;

    std::string region;
    library.GetRegionCodeForNumber(number, &region);

    denwa_phone_answer found = {};
    if (!denwa::copy(e164, found.e164) || !denwa::copy(region, found.region)) return DENWA_PHONE_INVALID;
    found.line_type = denwa::line_type(type);
    answer = found;
    return DENWA_PHONE_VALID;
}

}  // namespace

denwa_phone_status denwa_phone_check(
    const char *text, size_t length, const char *default_region, denwa_phone_answer *answer) {
    if (length == 0 || length > DENWA_PHONE_TEXT_LIMIT) return DENWA_PHONE_MALFORMED;
    try {
        return check(std::string(text, length), default_region ? default_region : unknown_region, *answer);
    } catch (...) {
        return DENWA_PHONE_INVALID;
    }
}
