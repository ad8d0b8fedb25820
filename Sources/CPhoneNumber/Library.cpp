#include "Library.hpp"

#include <phonenumbers/logger.h>

namespace denwa {

using i18n::phonenumbers::NullLogger;
using i18n::phonenumbers::PhoneNumberUtil;

const PhoneNumberUtil &library() {
    // A local static is made once, whoever comes first; the library's singleton itself is never destroyed,
    // so threads that outlive `main` are safe.
    static const PhoneNumberUtil *const silenced = [] {
        PhoneNumberUtil *const made = PhoneNumberUtil::GetInstance();
        // Which logger a build of the library starts with is its packager's choice, and a log line can
        // carry the input: a telephone number. Level 0 is below every level, so nothing is even formatted.
        NullLogger *const logger = new NullLogger();
        logger->set_level(0);
        made->SetLogger(logger);  // takes ownership
        return made;
    }();
    return *silenced;
}

denwa_line_type line_type(PhoneNumberUtil::PhoneNumberType type) {
    switch (type) {
    case PhoneNumberUtil::MOBILE: return DENWA_LINE_MOBILE;
    case PhoneNumberUtil::FIXED_LINE: return DENWA_LINE_FIXED;
    case PhoneNumberUtil::FIXED_LINE_OR_MOBILE: return DENWA_LINE_FIXED_OR_MOBILE;
    case PhoneNumberUtil::PREMIUM_RATE: return DENWA_LINE_PREMIUM;
    case PhoneNumberUtil::TOLL_FREE: return DENWA_LINE_TOLL_FREE;
    case PhoneNumberUtil::SHARED_COST: return DENWA_LINE_SHARED_COST;
    case PhoneNumberUtil::VOIP: return DENWA_LINE_VOIP;
    case PhoneNumberUtil::PERSONAL_NUMBER: return DENWA_LINE_PERSONAL;
    case PhoneNumberUtil::PAGER: return DENWA_LINE_PAGER;
    case PhoneNumberUtil::UAN: return DENWA_LINE_UAN;
    case PhoneNumberUtil::VOICEMAIL: return DENWA_LINE_VOICEMAIL;
    case PhoneNumberUtil::UNKNOWN: return DENWA_LINE_UNKNOWN;
    }
    return DENWA_LINE_UNKNOWN;
}

}  // namespace denwa
