// Where messages stand by what a batch does to them, so that its later commits see its earlier ones.
//
// A list that is searched from its end: a batch has some hundred entries, and few commits ask.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/kv/records.h"

namespace globogym::engine::kv {

class StagedPlaces {
 public:
  // The message is gone, or it stands at `place` now.
  void add(QueueNumber queue, std::string_view id, const std::optional<Place>& place) {
    hashes_.push_back(hash(queue, id));
    entries_.push_back({ids_.size(), id.size(), queue, place});
    ids_ += id;
  }
  // Null: the batch does nothing to it.
  const std::optional<Place>* find(QueueNumber queue, std::string_view id) const {
    const auto wanted = hash(queue, id);
    for (std::size_t i = hashes_.size(); i-- > 0;) {
      if (hashes_[i] != wanted) continue;
      const auto& entry = entries_[i];
      if (entry.queue == queue && std::string_view(ids_).substr(entry.begins, entry.size) == id) return &entry.place;
    }
    return nullptr;
  }
  void clear() {
    hashes_.clear();
    entries_.clear();
    ids_.clear();
  }

 private:
  struct Entry {
    std::size_t begins, size;  // of the id
    QueueNumber queue;
    std::optional<Place> place;
  };
  static std::size_t hash(QueueNumber queue, std::string_view id) {
    return std::hash<std::string_view>{}(id) + 0x9e3779b97f4a7c15 * queue;
  }

  std::vector<std::size_t> hashes_;
  std::vector<Entry> entries_;
  std::string ids_;
};

}  // namespace globogym::engine::kv
