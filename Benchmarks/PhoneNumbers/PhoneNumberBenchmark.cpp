/// What the shim costs over libphonenumber itself.
///
/// Three ways to know the same of an E.164 text (valid or not, E.164, region, line type) run in turns in one
/// process, so that a slow moment of the machine hits all of them:
///
///   separate  the library's five calls, as its documentation shows them
///   fewest    the library's cheapest sequence of public calls that gives all answers
///   shim      `denwa_phone_check`
///
/// Goal: shim / fewest is 1.10 or less. From the root of the checkout:
///
///   mkdir -p .build/benchmarks
///   c++ -O2 -std=c++17 -I Sources/CPhoneNumber/include -o .build/benchmarks/phone-numbers
///       Benchmarks/PhoneNumbers/PhoneNumberBenchmark.cpp Sources/CPhoneNumber/*.cpp -lphonenumber
///   .build/benchmarks/phone-numbers

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include "CPhoneNumber.h"

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace {

struct Subject {
    const char *text;
    const char *note;
};

constexpr Subject subjects[] = {
    {"+819012345678", "JP mobile"},
    {"+81312345678", "JP fixed line"},
    {"+33612345678", "FR mobile"},
    {"+79161234567", "RU, code shared by 2"},
    {"+447400123456", "GB, code shared by 4"},
    {"+12025550123", "US, code shared by 25"},
    {"+14165550123", "CA, code shared by 25"},
    {"+80012345678", "no country"},
    {"+8109012345678", "JP, trunk prefix to strip"},
    {"+819012345", "invalid"},
};

constexpr int rounds = 301;
constexpr int checks_per_round = 100;

bool separate(const std::string &text, std::string &e164, std::string &region, int &type) {
    const PhoneNumberUtil &library = *PhoneNumberUtil::GetInstance();
    PhoneNumber number;
    if (library.Parse(text, "ZZ", &number) != PhoneNumberUtil::NO_PARSING_ERROR) return false;
    if (!library.IsValidNumber(number)) return false;
    library.GetRegionCodeForNumber(number, &region);
    type = library.GetNumberType(number);
    library.Format(number, PhoneNumberUtil::E164, &e164);
    return true;
}

bool fewest(const std::string &text, std::string &e164, std::string &region, int &type) {
    const PhoneNumberUtil &library = *PhoneNumberUtil::GetInstance();
    PhoneNumber number;
    if (library.Parse(text, "ZZ", &number) != PhoneNumberUtil::NO_PARSING_ERROR) return false;
    type = library.GetNumberType(number);
    if (type == PhoneNumberUtil::UNKNOWN) return false;
    library.Format(number, PhoneNumberUtil::E164, &e164);
    library.GetRegionCodeForNumber(number, &region);
    return true;
}

/// Microseconds for one call.
template <typename Body> double timed(Body body) {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    for (int check = 0; check < checks_per_round; ++check) body();
    return std::chrono::duration<double, std::micro>(clock::now() - start).count() / checks_per_round;
}

double median(std::vector<double> &values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

void require_equal_answers(const char *text) {
    std::string e164, region, other_e164, other_region;
    int type = 0, other_type = 0;
    denwa_phone_answer answer = {};
    const bool valid = separate(text, e164, region, type);
    const bool other_valid = fewest(text, other_e164, other_region, other_type);
    const bool shim_valid = denwa_phone_check(text, std::strlen(text), nullptr, &answer) == DENWA_PHONE_VALID;
    if (valid != other_valid || valid != shim_valid
        || (valid && (e164 != other_e164 || region != other_region || type != other_type || e164 != answer.e164
                      || region != answer.region))) {
        std::fprintf(stderr, "%s: the answers differ\n", text);
        std::exit(EXIT_FAILURE);
    }
}

}  // namespace

int main() {
    std::printf("%-16s %-26s %9s %9s %9s %9s %9s\n", "number", "", "separate", "fewest", "shim", "/separate",
        "/fewest");
    for (const Subject &subject : subjects) {
        require_equal_answers(subject.text);

        const std::string text = subject.text;
        std::array<std::vector<double>, 3> times;
        for (int round = 0; round < rounds; ++round) {
            // Every way takes every place in the order equally often.
            for (int turn = 0; turn < 3; ++turn) {
                const int way = (round + turn) % 3;
                std::string e164, region;
                int type = 0;
                denwa_phone_answer answer = {};
                times[way].push_back(timed([&] {
                    e164.clear();
                    if (way == 0) separate(text, e164, region, type);
                    else if (way == 1) fewest(text, e164, region, type);
                    else denwa_phone_check(text.data(), text.size(), nullptr, &answer);
                }));
            }
        }
        const double library = median(times[0]), cheapest = median(times[1]), shim = median(times[2]);
        std::printf("%-16s %-26s %6.2f us %6.2f us %6.2f us %9.3f %9.3f\n", subject.text, subject.note, library,
            cheapest, shim, shim / library, shim / cheapest);
    }
}
