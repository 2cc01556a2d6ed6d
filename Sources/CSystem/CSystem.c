#define _GNU_SOURCE
#include "CSystem.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const int csystem_o_path = O_PATH;
const int csystem_o_noatime = O_NOATIME;

int csystem_rename_noreplace(int old_directory, const char *old_path, int new_directory, const char *new_path) {
  return renameat2(old_directory, old_path, new_directory, new_path, RENAME_NOREPLACE);
}

int csystem_syncfs(int descriptor) { return syncfs(descriptor); }

int csystem_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

const void *csystem_find(const void *text, size_t count, const void *wanted, size_t wanted_count) {
  return memmem(text, count, wanted, wanted_count);
}

void csystem_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
