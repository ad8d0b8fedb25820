#pragma once

#include <cstddef>
#include <cstring>
#include <string>

#include <phonenumbers/phonenumberutil.h>

#include "CPhoneNumber.h"

namespace denwa {

/// The one instance, already silenced. Its const functions may be called from any thread.
const i18n::phonenumbers::PhoneNumberUtil &library();

denwa_line_type line_type(i18n::phonenumbers::PhoneNumberUtil::PhoneNumberType type);

/// Copies a string with its NUL, or refuses what does not fit.
template <std::size_t capacity> bool copy(const std::string &from, char (&to)[capacity]) {
    if (from.size() >= capacity) return false;
    std::memcpy(to, from.c_str(), from.size() + 1);
    return true;
}

}  // namespace denwa
