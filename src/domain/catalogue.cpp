#include "domain/catalogue.h"

#include <algorithm>

namespace globogym::domain {

const Club* Catalogue::find_club(std::string_view id) const {
  auto found = std::ranges::find(clubs, id, &Club::id);
  return found == clubs.end() ? nullptr : &*found;
}

const Plan* Catalogue::find_plan(std::string_view id) const {
  auto found = std::ranges::find(plans, id, &Plan::id);
  return found == plans.end() ? nullptr : &*found;
}

Catalogue sample_catalogue() {
  Catalogue catalogue;
  catalogue.clubs = {
      {"london-shoreditch", "GloboGym London Shoreditch", 16},
      {"manchester-deansgate", "GloboGym Manchester Deansgate", 16},
      {"new-york-chelsea", "GloboGym New York Chelsea", 18},
      {"berlin-mitte", "GloboGym Berlin Mitte", 16},
      {"paris-bastille", "GloboGym Paris Bastille", 16},
      {"madrid-chamberi", "GloboGym Madrid Chamberí", 16},
  };
  catalogue.plans = {
      {"basic-monthly", "Basic Monthly"},
      {"basic-annual", "Basic Annual"},
      {"premium-monthly", "Premium Monthly"},
      {"premium-annual", "Premium Annual"},
  };
  return catalogue;
}

}  // namespace globogym::domain
