#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <memory>

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

std::string real_address(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  return bound.ss_family == AF_INET6 ? "[" + std::string(host) + "]:" + port : std::string(host) + ":" + port;
}

std::unexpected<Error> cannot_listen(const std::string& address, const std::string& why) {
  return fail(Fault::unavailable, "cannot listen on " + address + ": " + why);
}

// An option of the socket's that must be on. SO_REUSEADDR lets a restarted server have its port back at once.
void turn_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

Result<OwnDescriptor> bound_socket(const addrinfo& where, const std::string& address, bool shared) {
  OwnDescriptor fd(::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return cannot_listen(address, std::strerror(errno));
  turn_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (shared) turn_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (where.ai_family == AF_INET6) turn_on(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  turn_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // accepted sockets inherit this and the next
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_in_kernel, sizeof unsent_in_kernel);
  if (::bind(fd.get(), where.ai_addr, where.ai_addrlen) != 0)
    return cannot_listen(address, errno == EADDRINUSE ? "another process is using that port" : std::strerror(errno));
  return fd;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> resolve(const std::string& address) {
  const auto parts = split(address);
  if (!parts) return cannot_listen(address, "write it as host:port, for example 127.0.0.1:8080 or [::1]:8080");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found);
  if (error != 0) return cannot_listen(address, ::gai_strerror(error));
  return Addresses(found);
}

}  // namespace

Result<std::vector<Bound>> listen_tcp(const std::string& address, unsigned count) {
  auto where = resolve(address);
  if (!where) return std::unexpected(where.error());
  if (!address.ends_with(":0")) {
    // SO_REUSEPORT would let a second server of the same user share the port in silence. Without it, binding tells.
    auto probe = bound_socket(**where, address, false);
    if (!probe) return std::unexpected(probe.error());
  }
  std::vector<OwnDescriptor> open;
  std::vector<Bound> bound;
  for (unsigned i = 0; i < count; ++i) {
    if (i == 1) {  // the port is known now
      where = resolve(bound.front().address);
      if (!where) return std::unexpected(where.error());
    }
    auto fd = bound_socket(**where, address, true);
    if (!fd) return std::unexpected(fd.error());
    if (::listen(fd->get(), backlog) != 0) return cannot_listen(address, std::strerror(errno));
    bound.push_back({fd->get(), real_address(fd->get())});
    open.push_back(std::move(*fd));
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
