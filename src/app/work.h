// The functions of this product and the mail system they use, as the configuration asks for them.
#pragma once

#include <memory>
#include <vector>

#include "app/config.h"
#include "functions/function.h"
#include "functions/retry.h"
#include "mail/mailer.h"
#include "telemetry/metrics.h"

namespace globogym::app {

class Installation;

// The mailer for `mail.url`. unavailable: the outbox cannot be written. A mail server need not be reachable yet.
Result<std::unique_ptr<mail::Mailer>> open_mailer(const Config& config, telemetry::Metrics& metrics);

// The functions the host runs. `mailer` and `installation` outlive them.
Result<std::vector<std::unique_ptr<functions::Function>>> working_functions(const Config& config,
                                                                            Installation& installation,
                                                                            mail::Mailer& mailer);

// The waits of a letter that the mail system wants later: from mail.deferral_delay up to an hour, as mail systems wait
// themselves; never longer than retry.max_delay when somebody has set that below the first of them.
functions::Backoff deferrals(const Config& config);

// The same functions with no mail system behind them, for a console that brings dead letters back.
Result<std::vector<std::unique_ptr<functions::Function>>> repairing_functions(const Config& config,
                                                                              Installation& installation);

}  // namespace globogym::app
