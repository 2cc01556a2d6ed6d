// Faults for the built program, loaded into it with LD_PRELOAD: every call that changes the spool is counted over all
// threads, and at the one that is asked for the process is killed, the call fails, or the power goes.
//
// strace(1) injects too, but counts by thread, so that of two threads that both write the second is hardly reached.
//
//   FAULT_ROOT   only calls on files below this directory count
//   FAULT_CALLS  names of the calls that count, with commas around them; all by default
//   FAULT_PATH   only calls on a path count that ends so, or that lead to one
//   FAULT_AT     the number of the call that is hit, from 1
//   FAULT_ACT    kill    dies before the call
//                tear    dies in the middle of a write
//                fail N  the call fails with error number N
//                stop    the process stops before the call, until SIGCONT
//                cut     the file system is shut down before the call, its journal not written, and the process dies
//   FAULT_LOG    each call that counts is written here: number, name, result, flags, path, other path, bytes in hex
//   FAULT_NO_SYNC  syncs do nothing and say that they did
//   FAULT_CLOCK  a file of eight bytes: nanoseconds that the wall clock is wrong by, looked at at every call
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static char root[PATH_MAX];
static size_t root_length;
static const char *calls, *ending, *act;
static long at, count;
static int log_file = -1, no_sync;
static const volatile int64_t *shift;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void set_up(void) {
  const char *path = getenv("FAULT_ROOT");
  if (path && realpath(path, root)) root_length = strlen(root);
  calls = getenv("FAULT_CALLS");
  ending = getenv("FAULT_PATH");
  act = getenv("FAULT_ACT");
  no_sync = getenv("FAULT_NO_SYNC") != NULL;
  at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
  if (getenv("FAULT_LOG")) {
    int file = syscall(SYS_openat, AT_FDCWD, getenv("FAULT_LOG"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    // A number that the program's own descriptors do not come near.
    log_file = fcntl(file, F_DUPFD_CLOEXEC, 500);
    syscall(SYS_close, file);
  }
  if (getenv("FAULT_CLOCK")) {
    int file = syscall(SYS_openat, AT_FDCWD, getenv("FAULT_CLOCK"), O_RDONLY | O_CLOEXEC, 0);
    void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) shift = page;
    syscall(SYS_close, file);
  }
}

/// A call that may count.
struct call {
  const char *name;
  char path[2 * PATH_MAX], other[2 * PATH_MAX];
  int flags;
  const void *bytes;
  size_t length;
  long result;
  enum { PASSES, FAILS, TEARS } fate;
};

static void locate(char *result, int directory, const char *name) {
  char link[64];
  *result = 0;
  if (name && *name == '/') {
    snprintf(result, 2 * PATH_MAX, "%s", name);
    return;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  ssize_t length = readlink(link, result, PATH_MAX - 1);
  if (length < 0) length = 0;
  result[length] = 0;
  if (name) snprintf(result + length, PATH_MAX, "/%s", name);
}

static int is_ours(const char *path) {
  return root_length && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

static int is_listed(const char *name) {
  char word[64];
  snprintf(word, sizeof word, ",%s,", name);
  return !calls || strstr(calls, word) != NULL;
}

static int ends(const char *path) {
  size_t length = strlen(path), tail = strlen(ending);
  return length >= tail && strcmp(path + length - tail, ending) == 0;
}

/// Whether the call counts; then the mutex is held, so that what happens is in one order, and `end` lets it go.
static int begin(struct call *call) {
  if (!is_ours(call->path) || !is_listed(call->name)) return 0;
  if (ending && !ends(call->path) && !ends(call->other)) return 0;
  pthread_mutex_lock(&mutex);
  call->fate = PASSES;
  if (++count != at || !act) return 1;
  if (strcmp(act, "cut") == 0) {
    uint32_t without_journal = 2;
    int file = syscall(SYS_openat, AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
    ioctl(file, _IOR('X', 125, uint32_t), &without_journal);
  }
  if (log_file >= 0) dprintf(log_file, "%ld\t%s\thit\t0\t%s\t%s\t\n", count, call->name, call->path, call->other);
  if (strcmp(act, "tear") == 0 && strcmp(call->name, "write") == 0) {
    call->fate = TEARS;
  } else if (strncmp(act, "fail ", 5) == 0) {
    call->fate = FAILS;
    errno = atoi(act + 5);
  } else if (strcmp(act, "stop") == 0) {
    // To this very thread: sent to the process, another may take it, and this one may be calls further by then.
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGSTOP);
  } else {
    kill(getpid(), SIGKILL);
    pause();
  }
  return 1;
}

static void end(struct call *call) {
  int saved = errno;
  if (log_file >= 0) {
    size_t length = call->result > 0 && call->bytes ? (size_t)call->result : 0;
    char *hex = malloc(2 * length + 1);
    for (size_t index = 0; index < length; index++)
      snprintf(hex + 2 * index, 3, "%02x", ((const unsigned char *)call->bytes)[index]);
    hex[2 * length] = 0;
    dprintf(log_file, "%ld\t%s\t%ld\t%d\t%s\t%s\t%s\n", count, call->name, call->result < 0 ? -(long)saved : call->result,
      call->flags, call->path, call->other, hex);
    free(hex);
  }
  pthread_mutex_unlock(&mutex);
  errno = saved;
}

/// Makes the call, or does not.
#define CARRY_OUT(call, system_call)                              \
  if (!begin(&call)) return system_call;                          \
  call.result = call.fate == FAILS ? -1 : (long)(system_call);    \
  end(&call);                                                     \
  return call.result

int openat(int directory, const char *name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  struct call call = {.name = "openat", .flags = flags};
  locate(call.path, directory, name);
  CARRY_OUT(call, syscall(SYS_openat, directory, name, flags, mode));
}

ssize_t write(int file, const void *bytes, size_t length) {
  struct call call = {.name = "write", .bytes = bytes, .length = length};
  locate(call.path, file, NULL);
  if (!begin(&call)) return syscall(SYS_write, file, bytes, length);
  if (call.fate == TEARS) {
    syscall(SYS_write, file, bytes, length / 2);
    kill(getpid(), SIGKILL);
    pause();
  }
  call.result = call.fate == FAILS ? -1 : syscall(SYS_write, file, bytes, length);
  end(&call);
  return call.result;
}

ssize_t read(int file, void *bytes, size_t length) {
  struct call call = {.name = "read"};
  // Not by default: it changes nothing.
  if (!calls) return syscall(SYS_read, file, bytes, length);
  locate(call.path, file, NULL);
  CARRY_OUT(call, syscall(SYS_read, file, bytes, length));
}

int fsync(int file) {
  struct call call = {.name = "fsync"};
  locate(call.path, file, NULL);
  CARRY_OUT(call, no_sync ? 0 : syscall(SYS_fsync, file));
}

int syncfs(int file) {
  struct call call = {.name = "syncfs"};
  locate(call.path, file, NULL);
  CARRY_OUT(call, no_sync ? 0 : syscall(SYS_syncfs, file));
}

int ftruncate(int file, off_t length) {
  struct call call = {.name = "ftruncate"};
  locate(call.path, file, NULL);
  CARRY_OUT(call, syscall(SYS_ftruncate, file, length));
}

int renameat(int old_directory, const char *old_name, int directory, const char *name) {
  struct call call = {.name = "renameat"};
  locate(call.path, old_directory, old_name);
  locate(call.other, directory, name);
  CARRY_OUT(call, syscall(SYS_renameat, old_directory, old_name, directory, name));
}

int renameat2(int old_directory, const char *old_name, int directory, const char *name, unsigned flags) {
  struct call call = {.name = "renameat2"};
  locate(call.path, old_directory, old_name);
  locate(call.other, directory, name);
  CARRY_OUT(call, syscall(SYS_renameat2, old_directory, old_name, directory, name, flags));
}

int unlinkat(int directory, const char *name, int flags) {
  struct call call = {.name = "unlinkat"};
  locate(call.path, directory, name);
  CARRY_OUT(call, syscall(SYS_unlinkat, directory, name, flags));
}

int mkdirat(int directory, const char *name, mode_t mode) {
  struct call call = {.name = "mkdirat"};
  locate(call.path, directory, name);
  CARRY_OUT(call, syscall(SYS_mkdirat, directory, name, mode));
}

int utimensat(int directory, const char *name, const struct timespec times[2], int flags) {
  struct call call = {.name = "utimensat"};
  locate(call.path, directory, name);
  CARRY_OUT(call, syscall(SYS_utimensat, directory, name, times, flags));
}

int futimens(int file, const struct timespec times[2]) {
  struct call call = {.name = "utimensat"};
  locate(call.path, file, NULL);
  CARRY_OUT(call, syscall(SYS_utimensat, file, NULL, times, 0));
}

static struct timespec moved(struct timespec time, int64_t nanoseconds) {
  int64_t sum = time.tv_sec * INT64_C(1000000000) + time.tv_nsec + nanoseconds;
  return (struct timespec){.tv_sec = sum / 1000000000, .tv_nsec = sum % 1000000000};
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME && shift) *time = moved(*time, *shift);
  return result;
}

/// An alarm on the wall clock goes off at the moment of the wrong clock.
int timerfd_settime(int file, int flags, const struct itimerspec *new_value, struct itimerspec *old_value) {
  struct itimerspec value = *new_value;
  if (shift && (flags & TFD_TIMER_ABSTIME) && (value.it_value.tv_sec || value.it_value.tv_nsec))
    value.it_value = moved(value.it_value, -*shift);
  return syscall(SYS_timerfd_settime, file, flags, &value, old_value);
}
