#define _GNU_SOURCE
#include "events.h"

#include <sys/eventfd.h>
#include <sys/timerfd.h>

int csystem_wakeup_make(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int csystem_alarm_make(void) { return timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC); }

int csystem_alarm_set(int descriptor, int64_t nanoseconds) {
  struct itimerspec moment = {0};
  moment.it_value.tv_sec = nanoseconds / 1000000000;
  moment.it_value.tv_nsec = nanoseconds % 1000000000;
  return timerfd_settime(descriptor, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &moment, 0);
}
