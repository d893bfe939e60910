// The one door to libcurl: its functions, found when somebody first needs them.
//
// Most installations never ask another system anything. Linked the usual way libcurl would bring thirty libraries along
// at every start: 3 ms and 4 MB of memory for nothing. Included by .cpp files only (heavy).
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace globogym::fetch {

struct Curl {
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_multi_init) multi_init;
  decltype(&curl_multi_cleanup) multi_cleanup;
  decltype(&curl_multi_setopt) multi_setopt;
  decltype(&curl_multi_add_handle) multi_add_handle;
  decltype(&curl_multi_remove_handle) multi_remove_handle;
  decltype(&curl_multi_perform) multi_perform;
  decltype(&curl_multi_poll) multi_poll;
  decltype(&curl_multi_wakeup) multi_wakeup;
  decltype(&curl_multi_info_read) multi_info_read;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
  decltype(&curl_url) url;
  decltype(&curl_url_cleanup) url_cleanup;
  decltype(&curl_url_set) url_set;
  decltype(&curl_url_get) url_get;
  decltype(&curl_free) free;

  // The same for the whole process; loaded once. Thread-safe.
  //   unavailable  it is not installed
  static Result<const Curl*> load();
};

}  // namespace globogym::fetch
