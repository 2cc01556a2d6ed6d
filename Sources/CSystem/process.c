#include "CSystem.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

void csystem_forbid_core(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void csystem_keep_freed_memory(int bytes) {
  mallopt(M_TRIM_THRESHOLD, bytes);
  mallopt(M_MMAP_THRESHOLD, bytes / 2);
  // Each large allocation would join the pieces in the fast bins first, and there are some in each call.
  mallopt(M_MXFAST, 0);
}

// Of the linker: where the program's file begins in memory, and where its code ends.
extern char __executable_start, etext;

void csystem_rest(void) {
  // No page of this range has ever been written: what is data after relocation comes behind it. So each page is in the
  // file as it is in memory, and is mapped again when it is next used.
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = ((uintptr_t)&__executable_start + page - 1) / page * page;
  uintptr_t end = (uintptr_t)&etext / page * page;
  if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
  malloc_trim(0);
}
