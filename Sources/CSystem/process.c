#include "CSystem.h"

#include <sys/prctl.h>

void csystem_forbid_core(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
