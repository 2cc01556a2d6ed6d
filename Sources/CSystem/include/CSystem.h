// Linux calls that Glibc's Swift module hides, because they need _GNU_SOURCE.
#pragma once

#include <stddef.h>

#include "bytes.h"
#include "events.h"
#include "sha256.h"

/// O_PATH of open(2): a descriptor that only names a place, which needs no right to read it.
extern const int csystem_o_path;

/// O_NOATIME of open(2): reading is not noted. EPERM for who does not own the file.
extern const int csystem_o_noatime;

/// renameat2(2) with RENAME_NOREPLACE. 0, or -1 with errno.
int csystem_rename_noreplace(int old_directory, const char *old_path, int new_directory, const char *new_path);

/// syncfs(2). 0, or -1 with errno.
int csystem_syncfs(int descriptor);

/// pipe2(2) with O_CLOEXEC, so that no program that another thread starts meanwhile gets an end. 0, or -1 with errno.
int csystem_pipe(int ends[2]);

/// memmem(3): where the bytes of `wanted` stand first in `text`; NULL where they do not.
const void *csystem_find(const void *text, size_t count, const void *wanted, size_t wanted_count);

/// pthread_setname_np(3) for the calling thread. `name` has at most 15 bytes.
void csystem_name_thread(const char *name);

/// prctl(2) with PR_SET_DUMPABLE 0: no core is written, and no other process of the user may look into this one.
void csystem_forbid_core(void);

/// mallopt(3): as much freed memory as this, in bytes, is kept at the end of each thread's heap for the next allocation
/// instead of being given back, and what is smaller than half of it never has a mapping of its own. Small pieces are
/// joined as they are freed.
void csystem_keep_freed_memory(int bytes);

/// Gives memory back that is not needed until there is something to do: what is free of the heap, and the pages of the
/// program's own code, which the kernel has from its file and maps again one by one as they are used.
void csystem_rest(void);
