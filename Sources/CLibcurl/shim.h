// libcurl for Swift, found when it is first needed: linking it would cost each start of the program some three
// milliseconds, also where no request is made. So no `curl_…` function is called by its name; they are members
// of `clibcurl`. Those with variable arguments, which Swift cannot call, have a function for each type.
#pragma once
#include <curl/curl.h>
#include <dlfcn.h>
#include <sys/socket.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

typedef struct {
  __typeof__(curl_global_init) *global_init;
  __typeof__(curl_easy_init) *easy_init;
  __typeof__(curl_easy_cleanup) *easy_cleanup;
  __typeof__(curl_easy_reset) *easy_reset;
  __typeof__(curl_easy_setopt) *easy_setopt;
  __typeof__(curl_easy_getinfo) *easy_getinfo;
  __typeof__(curl_easy_strerror) *easy_strerror;
  __typeof__(curl_multi_init) *multi_init;
  __typeof__(curl_multi_cleanup) *multi_cleanup;
  __typeof__(curl_multi_setopt) *multi_setopt;
  __typeof__(curl_multi_add_handle) *multi_add_handle;
  __typeof__(curl_multi_remove_handle) *multi_remove_handle;
  __typeof__(curl_multi_perform) *multi_perform;
  __typeof__(curl_multi_poll) *multi_poll;
  __typeof__(curl_multi_wakeup) *multi_wakeup;
  __typeof__(curl_multi_socket_action) *multi_socket_action;
  __typeof__(curl_multi_info_read) *multi_info_read;
  __typeof__(curl_slist_append) *slist_append;
  __typeof__(curl_slist_free_all) *slist_free_all;
} clibcurl;

/// Loads libcurl and initialises it. 1, or 0 where it is not installed, too old, or does not start.
static inline int clibcurl_load(clibcurl *lib) {
  void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return 0;
#define CLIBCURL_FIND(name) (lib->name = (__typeof__(lib->name))dlsym(handle, "curl_" #name))
  return CLIBCURL_FIND(global_init) && CLIBCURL_FIND(easy_init) && CLIBCURL_FIND(easy_cleanup) &&
         CLIBCURL_FIND(easy_reset) &&
         CLIBCURL_FIND(easy_setopt) && CLIBCURL_FIND(easy_getinfo) && CLIBCURL_FIND(easy_strerror) &&
         CLIBCURL_FIND(multi_init) && CLIBCURL_FIND(multi_cleanup) && CLIBCURL_FIND(multi_setopt) &&
         CLIBCURL_FIND(multi_add_handle) && CLIBCURL_FIND(multi_remove_handle) && CLIBCURL_FIND(multi_perform) &&
         CLIBCURL_FIND(multi_poll) && CLIBCURL_FIND(multi_wakeup) && CLIBCURL_FIND(multi_socket_action) &&
         CLIBCURL_FIND(multi_info_read) &&
         CLIBCURL_FIND(slist_append) && CLIBCURL_FIND(slist_free_all) &&
         lib->global_init(CURL_GLOBAL_ALL) == CURLE_OK;
#undef CLIBCURL_FIND
}

static inline CURLcode clibcurl_set_number(const clibcurl *lib, CURL *easy, CURLoption option, long value) {
  return lib->easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_large(const clibcurl *lib, CURL *easy, CURLoption option, curl_off_t value) {
  return lib->easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_text(const clibcurl *lib, CURL *easy, CURLoption option, const char *value) {
  return lib->easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_pointer(const clibcurl *lib, CURL *easy, CURLoption option, void *value) {
  return lib->easy_setopt(easy, option, value);
}

/// The type of CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION and CURLOPT_READFUNCTION.
typedef size_t (*clibcurl_sink)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode clibcurl_set_sink(const clibcurl *lib, CURL *easy, CURLoption option, clibcurl_sink value) {
  return lib->easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_seek(const clibcurl *lib, CURL *easy, curl_seek_callback value) {
  return lib->easy_setopt(easy, CURLOPT_SEEKFUNCTION, value);
}

static inline CURLcode clibcurl_set_prereq(const clibcurl *lib, CURL *easy, curl_prereq_callback value) {
  return lib->easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}

static inline curl_socket_t clibcurl_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)context, (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static inline void clibcurl_close_on_exec(const clibcurl *lib, CURL *easy) {
  lib->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, clibcurl_open_socket);
}

/// A number that CURLINFO tells; 0 where it does not.
static inline long clibcurl_number(const clibcurl *lib, CURL *easy, CURLINFO info) {
  long value = 0;
  lib->easy_getinfo(easy, info, &value);
  return value;
}

/// What CURLOPT_PRIVATE was set to.
static inline void *clibcurl_private(const clibcurl *lib, CURL *easy) {
  char *value = NULL;
  lib->easy_getinfo(easy, CURLINFO_PRIVATE, &value);
  return value;
}

static inline CURLMcode clibcurl_set_multi(const clibcurl *lib, CURLM *multi, CURLMoption option, long value) {
  return lib->multi_setopt(multi, option, value);
}

/// Sets who is told which sockets to wait for, and when to ask at the latest.
static inline void clibcurl_watch(const clibcurl *lib, CURLM *multi, curl_socket_callback sockets,
                                  curl_multi_timer_callback timer, void *context) {
  lib->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, sockets);
  lib->multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  lib->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
  lib->multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}

/// The result of a transfer that `multi_info_read` reported as done.
static inline CURLcode clibcurl_result(const CURLMsg *message) { return message->data.result; }
