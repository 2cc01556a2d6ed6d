// What an event loop needs of Linux: a counter that wakes poll(2), and an alarm on the wall clock.
#pragma once

#include <stdint.h>

/// eventfd(2), non-blocking and closed on exec. A descriptor, or -1 with errno.
int csystem_wakeup_make(void);

/// timerfd_create(2) on CLOCK_REALTIME, non-blocking and closed on exec. A descriptor, or -1 with errno.
int csystem_alarm_make(void);

/// Sets the alarm to a moment of the wall clock in nanoseconds since 1970, or off with 0. The descriptor becomes
/// readable then, and also when somebody sets the clock (TFD_TIMER_CANCEL_ON_SET). 0, or -1 with errno.
int csystem_alarm_set(int descriptor, int64_t nanoseconds);
