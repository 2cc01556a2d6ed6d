// Sixteen bytes compared at once. Swift's own vectors are compared one byte after another.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// `SIMD16<UInt8>` in Swift.
typedef uint8_t csystem_sixteen __attribute__((ext_vector_type(16)));

/// A bit for each byte that is not zero, the lowest for the first.
static inline uint32_t csystem_bits(csystem_sixteen bytes) {
  typedef bool flags __attribute__((ext_vector_type(16)));
  flags found = __builtin_convertvector(bytes != 0, flags);
  uint16_t bits;
  memcpy(&bits, &found, sizeof bits);
  return bits;
}

/// A bit for each byte that is `byte`.
static inline uint32_t csystem_equal(csystem_sixteen bytes, uint8_t byte) {
  return csystem_bits((csystem_sixteen)(bytes == (csystem_sixteen)(byte)));
}

/// A bit for each byte below `limit`.
static inline uint32_t csystem_below(csystem_sixteen bytes, uint8_t limit) {
  return csystem_bits((csystem_sixteen)(bytes < (csystem_sixteen)(limit)));
}
