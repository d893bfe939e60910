// What is called through Curl has no types to check options against, so the macros that would are left out.
#define CURL_DISABLE_TYPECHECK
#include "fetch/curl.h"

#include <dlfcn.h>

namespace globogym::fetch {
namespace {

Result<Curl> loaded() {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Fault::unavailable, "libcurl is not installed; install the package libcurl4");
  Curl curl{};
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    complete = complete && function != nullptr;
  };
  decltype(&curl_global_init) global_init = nullptr;
  find(global_init, "curl_global_init");
  find(curl.easy_init, "curl_easy_init");
  find(curl.easy_cleanup, "curl_easy_cleanup");
  find(curl.easy_setopt, "curl_easy_setopt");
  find(curl.easy_getinfo, "curl_easy_getinfo");
  find(curl.easy_strerror, "curl_easy_strerror");
  find(curl.multi_init, "curl_multi_init");
  find(curl.multi_cleanup, "curl_multi_cleanup");
  find(curl.multi_setopt, "curl_multi_setopt");
  find(curl.multi_add_handle, "curl_multi_add_handle");
  find(curl.multi_remove_handle, "curl_multi_remove_handle");
  find(curl.multi_perform, "curl_multi_perform");
  find(curl.multi_poll, "curl_multi_poll");
  find(curl.multi_wakeup, "curl_multi_wakeup");
  find(curl.multi_info_read, "curl_multi_info_read");
  find(curl.slist_append, "curl_slist_append");
  find(curl.slist_free_all, "curl_slist_free_all");
  find(curl.url, "curl_url");
  find(curl.url_cleanup, "curl_url_cleanup");
  find(curl.url_set, "curl_url_set");
  find(curl.url_get, "curl_url_get");
  find(curl.free, "curl_free");
  if (!complete || global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return fail(Fault::unavailable, "the libcurl installed here cannot be used; 7.85 or newer is needed");
  return curl;  // never unloaded
}

}  // namespace

Result<const Curl*> Curl::load() {
  static const Result<Curl> curl = loaded();
  if (!curl) return std::unexpected(curl.error());
  return &*curl;
}

}  // namespace globogym::fetch
