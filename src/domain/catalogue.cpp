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

namespace {

LocalText said(const char* english, const char* german, const char* french, const char* spanish) {
  LocalText text(english);
  text.set("de", german);
  text.set("fr", french);
  text.set("es", spanish);
  return text;
}

}  // namespace

Catalogue sample_catalogue() {
  const LocalText hours = said("Monday to Friday 6:00–22:00\nSaturday and Sunday 8:00–20:00",
                               "Montag bis Freitag 6–22 Uhr\nSamstag und Sonntag 8–20 Uhr",
                               "Du lundi au vendredi, 6\u00A0h–22\u00A0h\nSamedi et dimanche, 8\u00A0h–20\u00A0h",
                               "De lunes a viernes, 6:00–22:00\nSábados y domingos, 8:00–20:00");
  Catalogue catalogue;
  catalogue.clubs = {
      {"london-shoreditch", "GloboGym London Shoreditch", 16, TimeZone("Europe/London"),
       "12 Sample Yard\nLondon EC2A 3XX", hours},
      {"manchester-deansgate", "GloboGym Manchester Deansgate", 16, TimeZone("Europe/London"),
       "240 Sample Street\nManchester M3 4XX", hours},
      {"new-york-chelsea", "GloboGym New York Chelsea", 18, TimeZone("America/New_York"),
       "300 Sample Avenue\nNew York, NY 10011", hours},
      {"berlin-mitte", "GloboGym Berlin Mitte", 16, TimeZone("Europe/Berlin"), "Musterstraße 24\n10119 Berlin", hours},
      {"paris-bastille", "GloboGym Paris Bastille", 16, TimeZone("Europe/Paris"), "8 rue de l’Exemple\n75011 Paris",
       hours},
      {"madrid-chamberi", "GloboGym Madrid Chamberí", 16, TimeZone("Europe/Madrid"),
       "Calle del Ejemplo, 15\n28010 Madrid", hours},
  };
  const LocalText monthly = said("Cancel any month", "Monatlich kündbar", "Sans engagement, résiliable chaque mois",
                                 "Sin permanencia: se puede cancelar cada mes");
  const LocalText annual = said("12 months", "12 Monate Laufzeit", "Engagement de 12 mois", "12 meses de permanencia");
  catalogue.plans = {
      {"basic-monthly", said("Basic Monthly", "Basic monatlich", "Basic mensuel", "Basic mensual"),
       said("£24.90 a month", "24,90\u00A0£ im Monat", "24,90\u00A0£ par mois", "24,90\u00A0£ al mes"), monthly},
      {"basic-annual", said("Basic Annual", "Basic jährlich", "Basic annuel", "Basic anual"),
       said("£19.90 a month", "19,90\u00A0£ im Monat", "19,90\u00A0£ par mois", "19,90\u00A0£ al mes"), annual},
      {"premium-monthly", said("Premium Monthly", "Premium monatlich", "Premium mensuel", "Premium mensual"),
       said("£49.90 a month", "49,90\u00A0£ im Monat", "49,90\u00A0£ par mois", "49,90\u00A0£ al mes"), monthly},
      {"premium-annual", said("Premium Annual", "Premium jährlich", "Premium annuel", "Premium anual"),
       said("£39.90 a month", "39,90\u00A0£ im Monat", "39,90\u00A0£ par mois", "39,90\u00A0£ al mes"), annual},
  };
  return catalogue;
}

}  // namespace globogym::domain
