// What can be signed up for: clubs, plans, locales, terms. Comes from the configuration; never changes while running.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/time_zone.h"
#include "domain/date.h"
#include "domain/local_text.h"

namespace globogym::domain {

struct Club {
  std::string id;
  LocalText name;
  int minimum_age = 16;
  TimeZone time_zone = {};  // what day it is, and so how old somebody is and what starts today, is the club's matter
  LocalText address = {};   // these two may have several lines, and may be empty
  LocalText hours = {};
};

// The day at `club` at that moment; null: in UTC.
Date day_at(const Club* club, WallTime moment);

struct Plan {
  std::string id;
  LocalText name;
  LocalText price = {};  // as people say it: "£39.90 a month"; may be empty, as may the term
  LocalText term = {};
};

struct Catalogue {
  std::vector<Club> clubs;
  std::vector<Plan> plans;
  std::vector<std::string> locales = {"en-GB", "en-US", "de-DE", "fr-FR", "es-ES"};
  std::vector<std::string> terms_versions = {"2026-01"};

  const Club* find_club(std::string_view id) const;
  const Plan* find_plan(std::string_view id) const;
};

// Six clubs (london-shoreditch among them) and four plans (premium-annual among them), in four languages.
Catalogue sample_catalogue();

}  // namespace globogym::domain
