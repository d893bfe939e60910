// Stored records, damaged in every way: reading never crashes, and whatever is accepted is written and read alike.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "domain/records.h"

namespace {

using namespace globogym::domain;

template <class Read, class Write>
void check(std::string_view input, Read read, Write write) {
  const auto record = read(input);
  if (!record) {
    ASSERT(record.error().fault == globogym::Fault::damaged);
    ASSERT(!record.error().message.empty());
    return;
  }
  const auto again = read(write(*record));
  ASSERT(again.has_value());
  ASSERT(*again == *record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input, enrollment_from_json, [](const Enrollment& record) { return to_json(record); });
  check(input, member_from_json, [](const Member& record) { return to_json(record); });
  check(input, process_enrollment_from_json, [](const ProcessEnrollment& record) { return to_json(record); });
  check(input, welcome_mail_from_body, [](const WelcomeMail& record) { return to_body(record); });
  return 0;
}
