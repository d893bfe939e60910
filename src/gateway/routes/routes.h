// The public API's paths, once: what is routed and what /openapi.json describes is this table.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "gateway/answers/problem.h"
#include "gateway/callers/api_keys.h"

namespace globogym::gateway {

enum class Endpoint {
  post_enrollment,
  get_enrollment,
  enrollment_events,
  list_members,
  get_member,
  get_sign_up,
  healthz,
  readyz,
  openapi,
  home,
  docs,
  asset
};

struct Route {
  std::string_view method;  // "GET" also answers HEAD
  std::string_view path;    // one segment at most is a parameter: "{id}"
  std::string_view operation;
  std::string_view tag;
  std::string_view summary;
  std::string_view description;
  std::span<const ProblemType* const> problems;
  Endpoint endpoint;
  unsigned success;
  std::optional<Scope> scope;  // nothing: anybody may ask
  bool described = true;       // in /openapi.json
  bool publishable = false;    // a publishable key may ask too
};

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;  // null: nothing has this path
  std::string_view id;           // what stands for the parameter; not decoded, not empty
};

Match match(std::string_view path);

// Whether a route answers this method.
bool answers(const Route& route, std::string_view method);

// The value of an Allow header.
std::string_view allowed_methods(const Route& route);

}  // namespace globogym::gateway
