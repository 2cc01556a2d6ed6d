#include "CSystem.h"

#include <malloc.h>
#include <sys/prctl.h>

void csystem_forbid_core(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void csystem_keep_freed_memory(int bytes) {
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, bytes / 2);
}
