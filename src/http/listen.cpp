#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <expected>
#include <iterator>

#include "http/socket.h"

namespace globogym::http {
namespace {

constexpr int backlog = 4096;
// What the kernel takes for a client beyond what is on its way. Without a bound it takes megabytes from us for each
// client that does not read; here they are counted, and a client that does not take them is ended.
constexpr int unsent_in_kernel = 32 * 1024;

// Closes unless given away.
class OwnDescriptor {
 public:
  explicit OwnDescriptor(int fd) : fd_(fd) {}
  OwnDescriptor(OwnDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnDescriptor& operator=(OwnDescriptor&&) = delete;
  ~OwnDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct HostAndPort {
  std::string host;
  std::string port;
};

std::optional<HostAndPort> split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.contains(':'))
    return std::nullopt;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || error != std::errc{} || end != port.data() + port.size() || number > 65535) return std::nullopt;
  return HostAndPort{host, port};
}

// One place to listen at. What was asked for may be several: a name has an address in each family.
struct Endpoint {
  std::string asked_for;
  sockaddr_storage where{};
  socklen_t size = 0;
  bool both_families = false;

  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&where); }
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&where); }
  bool is_v6() const { return where.ss_family == AF_INET6; }
  std::uint16_t port() const {
    return is_v6() ? reinterpret_cast<const sockaddr_in6&>(where).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(where).sin_port;
  }
  bool is_every_v6_address() const {
    return is_v6() && IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6&>(where).sin6_addr);
  }
  bool operator==(const Endpoint& other) const {
    return size == other.size && std::memcmp(&where, &other.where, size) == 0;
  }

  std::string text() const {
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getnameinfo(address(), size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
      return {};
    return is_v6() ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
  }
};

std::unexpected<Error> cannot_listen(const std::string& address, const std::string& why) {
  return fail(Fault::unavailable, "cannot listen on " + address + ": " + why);
}

std::unexpected<Error> cannot_listen(const std::string& address, int error) {
  return cannot_listen(address, error == EADDRINUSE ? "another process is using that port" : std::strerror(error));
}

// An option of the socket's. SO_REUSEADDR lets a restarted server have its port back at once.
void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// A bound socket, or errno.
std::expected<OwnDescriptor, int> bound_socket(const Endpoint& endpoint, bool shared) {
  OwnDescriptor fd(::socket(endpoint.where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return std::unexpected(errno);
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  // Said either way: what the machine's default is (net.ipv6.bindv6only) must not decide who can reach us.
  if (endpoint.is_v6()) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, endpoint.both_families ? 0 : 1);
  set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);  // accepted sockets inherit this and the next
  set(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_in_kernel);
  if (::bind(fd.get(), endpoint.address(), endpoint.size) != 0) return std::unexpected(errno);
  return fd;
}

// Where `address` is. A free port is looked for at the first place only: nobody could know two.
Result<std::vector<Endpoint>> resolve(const std::string& address) {
  const auto parts = split(address);
  if (!parts) return cannot_listen(address, "write it as host:port, for example 127.0.0.1:8080 or [::1]:8080");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found);
  if (error != 0) return cannot_listen(address, ::gai_strerror(error));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    Endpoint endpoint{.asked_for = address, .size = each->ai_addrlen};
    std::memcpy(&endpoint.where, each->ai_addr, each->ai_addrlen);
    if (std::ranges::find(endpoints, endpoint) == endpoints.end()) endpoints.push_back(std::move(endpoint));
    if (endpoints.front().port() == 0) break;
  }
  ::freeaddrinfo(found);
  return endpoints;
}

// A name may have an address that this machine has not, as `localhost` where IPv6 is off.
bool is_not_here(int error) {
  return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

// SO_REUSEPORT would let a second server of the same user share the port in silence. Without it, binding tells. Leaves
// those that can be bound, of each address one at least.
Result<std::vector<Endpoint>> can_be_bound(std::vector<Endpoint> endpoints, const std::vector<std::string>& addresses) {
  std::vector<Endpoint> good;
  std::vector<Error> missing;
  for (auto& endpoint : endpoints) {
    const auto probe =
        endpoint.port() == 0 ? std::expected<OwnDescriptor, int>(OwnDescriptor(-1)) : bound_socket(endpoint, false);
    if (!probe && !is_not_here(probe.error())) return cannot_listen(endpoint.asked_for, probe.error());
    if (!probe)
      missing.push_back(cannot_listen(endpoint.asked_for, probe.error()).error());
    else
      good.push_back(std::move(endpoint));
  }
  for (const auto& address : addresses)
    if (std::ranges::find(good, address, &Endpoint::asked_for) == good.end()) return std::unexpected(missing.front());
  return good;
}

}  // namespace

Result<std::vector<std::vector<Bound>>> listen_tcp(const std::vector<std::string>& addresses, unsigned count) {
  std::vector<Endpoint> asked_for;
  for (const auto& address : addresses) {
    auto where = resolve(address);
    if (!where) return std::unexpected(where.error());
    std::ranges::move(*where, std::back_inserter(asked_for));
  }
  // Whoever names every IPv6 address means every address there is, unless IPv4 on that port is somebody else's in the
  // list.
  for (auto& endpoint : asked_for)
    endpoint.both_families = endpoint.is_every_v6_address() && std::ranges::none_of(asked_for, [&](const auto& other) {
                               return !other.is_v6() && other.port() == endpoint.port() && other.port() != 0;
                             });
  auto endpoints = can_be_bound(std::move(asked_for), addresses);
  if (!endpoints) return std::unexpected(endpoints.error());

  std::vector<OwnDescriptor> open;
  std::vector<std::vector<Bound>> bound;
  for (auto& endpoint : *endpoints) {
    auto& sharing = bound.emplace_back();
    for (unsigned i = 0; i < count; ++i) {
      auto fd = bound_socket(endpoint, true);
      if (!fd) return cannot_listen(endpoint.asked_for, fd.error());
      if (::listen(fd->get(), backlog) != 0) return cannot_listen(endpoint.asked_for, errno);
      ::getsockname(fd->get(), endpoint.address(), &endpoint.size);  // the port is known now
      sharing.push_back({fd->get(), endpoint.text()});
      open.push_back(std::move(*fd));
    }
  }
  for (auto& fd : open) fd.release();
  return bound;
}

Result<Bound> listen_unix(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof where.sun_path)
    return cannot_listen(path, "the path of a unix socket must have 1 to 107 characters");
  std::memcpy(where.sun_path, path.data(), path.size());
  const auto* name = reinterpret_cast<const sockaddr*>(&where);

  struct stat there{};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return cannot_listen(path, "a file that is not a socket is in the way");
    OwnDescriptor knock(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(knock.get(), name, sizeof where) == 0 || errno == EAGAIN)
      return cannot_listen(path, "another process is using that socket");
    ::unlink(path.c_str());
  }
  OwnDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // On Linux the file gets the descriptor's mode: no moment in which others could connect, no change of the umask.
  if (fd.get() < 0 || ::fchmod(fd.get(), 0600) != 0 || ::bind(fd.get(), name, sizeof where) != 0)
    return cannot_listen(path, std::strerror(errno));
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), backlog) != 0)
    return cannot_listen(path, std::strerror(errno));
  return Bound{fd.release(), path};
}

}  // namespace globogym::http
