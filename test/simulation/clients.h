// One visitor: what they post, how they try again, and what they will not be told.
#pragma once

#include <string>

#include "simulation/world.h"

namespace globogym::simulation {

class Client {
 public:
  Client(World& world, Visit visit);
  async::Task<void> act();

 private:
  // A request on its way through the network and back. Nothing: the answer was lost, or nobody was there.
  async::Task<Answer> exchange(std::string method, std::string path, std::string key, std::string body,
                               std::string api_key);
  async::Task<Answer> post(std::string key, std::string body);
  // Posts until there is an answer that is final; at most `times`.
  async::Task<Answer> post_until_answered(std::string key, std::string body, int times);
  async::Task<void> post_beside_others(std::string key, std::string body, int times);
  async::Task<void> post_together();
  async::Task<void> post_invalid();
  async::Task<void> look_again(std::string id);
  void promised(const std::string& key, const http::Response& answer);

  std::string application(std::string_view last_name);

  World& world_;
  const Visit visit_;
  Draw draw_;
  const Person& person_;
  const std::string api_key_;
};

}  // namespace globogym::simulation
