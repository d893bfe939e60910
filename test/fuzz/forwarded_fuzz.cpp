// Any header lines behind a trusted proxy name one client: never a crash, never more than one reading, and never
// somebody whom the lines do not hold. The first byte says how many lines there are and which are `Forwarded`.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "gateway/callers/client_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace globogym;
  static const gateway::ClientAddresses addresses(
      {*gateway::Network::parse("10.0.0.0/8"), *gateway::Network::parse("2001:db8:aaaa::/48")});
  if (size == 0 || size > 16 * 1024) return 0;
  const unsigned kinds = data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);

  http::Request request;
  request.remote_address = "10.0.0.1";
  for (unsigned line = 0; line < 4; ++line) {
    const auto end = rest.find('\n');
    request.headers.emplace_back((kinds >> line) & 1 ? "Forwarded" : "X-Forwarded-For", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const auto client = addresses.of(request);

  ASSERT(client.kind != gateway::Client::Kind::local);
  const auto text = client.address.text();
  ASSERT(gateway::Address::parse(text) == client.address);
  if (client.kind == gateway::Client::Kind::hidden) ASSERT(text == "10.0.0.1");
  for (const auto& [name, value] : request.headers) {
    if (name != "Forwarded") continue;
    if (const auto elements = gateway::parse_forwarded(value))
      for (const auto& element : *elements)
        for (const auto& part : {element.node, element.host, element.proto})
          if (part) ASSERT(part->data() >= value.data() && part->data() + part->size() <= value.data() + value.size());
  }

  // What a client writes left of what our proxy appends makes nobody else of it.
  const std::string appended = std::string(request.headers.back().second) + ", 192.0.2.44";
  http::Request honest;
  honest.remote_address = "10.0.0.1";
  honest.headers.emplace_back("X-Forwarded-For", appended);
  ASSERT(addresses.of(honest).address == *gateway::Address::parse("192.0.2.44"));
  const std::string forwarded = std::string(request.headers.back().second) + ", for=192.0.2.44";
  http::Request standard;
  standard.remote_address = "10.0.0.1";
  standard.headers.emplace_back("Forwarded", forwarded);
  const auto found = addresses.of(standard);
  ASSERT(found.kind == gateway::Client::Kind::hidden || found.address == *gateway::Address::parse("192.0.2.44"));
  return 0;
}
