// The promises that can be checked when everything has come to rest: documents, queues, totals, and letters, against
// what the clients were promised.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "domain/enrollment.h"
#include "domain/member.h"
#include "simulation/world.h"

namespace globogym::simulation {

class Promises {
 public:
  explicit Promises(World& world) : world_(world) {}
  void check(Outcome& outcome);
  // Every dead letter has been brought back, and every box takes letters.
  void check_after_repair();
  // For a canary.
  void lose_a_member();

 private:
  struct Kept {
    std::map<std::string, domain::Enrollment> enrollments;  // by id
    std::vector<domain::Member> members;
    std::map<std::string, std::int64_t> tallies;
    std::vector<engine::QueueStats> queues;
    std::map<std::string, std::string> dead;  // reason by message id
  };
  Kept read();
  void check_ends(const Kept& kept);
  void check_members(const Kept& kept);
  void check_letters(const Kept& kept);
  void check_parked(const Kept& kept);
  void check_totals(const Kept& kept);
  std::vector<engine::Document> documents(std::string container);
  void broken(std::string promise) { world_.story_.broken(std::move(promise)); }

  World& world_;
};

}  // namespace globogym::simulation
