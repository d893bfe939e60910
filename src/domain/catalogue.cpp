#include "domain/catalogue.h"

#include <algorithm>

namespace globogym::domain {

Date day_at(const Club* club, WallTime moment) {
  return club ? club->time_zone.day_at(moment) : TimeZone().day_at(moment);
}

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
      {"london-shoreditch", "GloboGym London Shoreditch", 16, TimeZone("Europe/London")},
      {"manchester-deansgate", "GloboGym Manchester Deansgate", 16, TimeZone("Europe/London")},
      {"new-york-chelsea", "GloboGym New York Chelsea", 18, TimeZone("America/New_York")},
      {"berlin-mitte", "GloboGym Berlin Mitte", 16, TimeZone("Europe/Berlin")},
      {"paris-bastille", "GloboGym Paris Bastille", 16, TimeZone("Europe/Paris")},
      {"madrid-chamberi", "GloboGym Madrid Chamberí", 16, TimeZone("Europe/Madrid")},
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
