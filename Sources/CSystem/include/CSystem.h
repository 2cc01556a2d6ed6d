// Linux calls that Glibc's Swift module hides, because they need _GNU_SOURCE.
#pragma once

/// renameat2(2) with RENAME_NOREPLACE. 0, or -1 with errno.
int csystem_rename_noreplace(int old_directory, const char *old_path, int new_directory, const char *new_path);

/// syncfs(2). 0, or -1 with errno.
int csystem_syncfs(int descriptor);

/// pthread_setname_np(3) for the calling thread. `name` has at most 15 bytes.
void csystem_name_thread(const char *name);
