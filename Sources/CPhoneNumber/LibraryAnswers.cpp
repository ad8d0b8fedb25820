#include "LibraryAnswers.h"

#include <iterator>
#include <set>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>

#include "Library.hpp"

using i18n::phonenumbers::Logger;
using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace {

template <typename Result, typename Body> Result guarded(Body body) noexcept {
    try {
        return body();
    } catch (...) {
        return Result{};
    }
}

denwa_library_text text(const std::string &from) {
    denwa_library_text result = {};
    denwa::copy(from, result.text);
    return result;
}

denwa_library_text e164(const PhoneNumber &number) {
    std::string spelling;
    denwa::library().Format(number, PhoneNumberUtil::E164, &spelling);
    return text(spelling);
}

}  // namespace

denwa_library_answer denwa_library_ask(const char *input, size_t length, const char *default_region) {
    return guarded<denwa_library_answer>([&] {
        const PhoneNumberUtil &library = denwa::library();
        denwa_library_answer result = {};
        PhoneNumber number;
        if (library.Parse(std::string(input, length), default_region ? default_region : "ZZ", &number)
            != PhoneNumberUtil::NO_PARSING_ERROR) {
            return result;
        }
        result.parsed = true;
        result.has_extension = number.has_extension();
        result.valid = library.IsValidNumber(number);
        std::string region, spelling;
        library.GetRegionCodeForNumber(number, &region);
        library.Format(number, PhoneNumberUtil::E164, &spelling);
        denwa::copy(region, result.answer.region);
        denwa::copy(spelling, result.answer.e164);
        result.answer.line_type = denwa::line_type(library.GetNumberType(number));
        return result;
    });
}

denwa_library_text denwa_library_region(size_t index) {
    return guarded<denwa_library_text>([&] {
        std::set<std::string> regions;
        denwa::library().GetSupportedRegions(&regions);
        return index < regions.size() ? text(*std::next(regions.begin(), index)) : denwa_library_text{};
    });
}

int denwa_library_calling_code(size_t index) {
    return guarded<int>([&] {
        std::set<int> codes;
        denwa::library().GetSupportedCallingCodes(&codes);
        return index < codes.size() ? *std::next(codes.begin(), index) : 0;
    });
}

denwa_library_text denwa_library_example(const char *region, denwa_line_type wanted) {
    return guarded<denwa_library_text>([&] {
        for (int type = 0; type <= PhoneNumberUtil::kMaxNumberType; ++type) {
            const auto candidate = static_cast<PhoneNumberUtil::PhoneNumberType>(type);
            if (denwa::line_type(candidate) != wanted) continue;
            PhoneNumber number;
            if (denwa::library().GetExampleNumberForType(region, candidate, &number)) return e164(number);
        }
        return denwa_library_text{};
    });
}

denwa_library_text denwa_library_non_geographic_example(int calling_code) {
    return guarded<denwa_library_text>([&] {
        PhoneNumber number;
        return denwa::library().GetExampleNumberForNonGeoEntity(calling_code, &number)
            ? e164(number) : denwa_library_text{};
    });
}

void denwa_library_log(const char *message) {
    guarded<int>([&] {
        denwa::library();
        Logger::mutable_logger_impl()->WriteLevel();
        Logger::mutable_logger_impl()->WriteMessage(message);
        return 0;
    });
}
