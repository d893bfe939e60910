// For tests: a client that sends and reads plain bytes, so that a test can say things no HTTP library would.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace globogym::http::test {

// What came back, taken apart.
struct Answer {
  unsigned status = 0;
  std::string head;  // with the empty line
  std::string body;
};

class Client {
 public:
  // `address` is "127.0.0.1:port", "[::1]:port" or a path. `receive_buffer` in bytes, 0 for the system's.
  explicit Client(const std::string& address, int receive_buffer = 0);
  virtual ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes);
  void end_sending();
  void close();
  void reset();  // closes so that the peer sees a reset
  // The next answer, sized or chunked (taken apart); nullopt when the connection ends or nothing comes in time.
  std::optional<Answer> read(bool head_only = false);
  // Everything until the connection ends. nullopt when it does not end in time.
  std::optional<std::string> read_to_end();
  // Waits until the read so far holds `text`.
  bool read_until(std::string_view text);

 protected:
  // As send(2) and recv(2).
  virtual long put(std::string_view bytes);
  virtual long get(char* into, std::size_t size);

  int descriptor_;

 private:
  bool receive();

  bool ended_ = false;
  std::string bytes_;
};

}  // namespace globogym::http::test
