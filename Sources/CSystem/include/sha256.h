// SHA-256 by the processor's own instructions, where it has them.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Takes whole blocks of 64 bytes into the state (FIPS 180-4, 6.2.2). 1, or 0 where the processor has no instructions
/// for it and nothing was done.
int csystem_sha256(uint32_t state[8], const uint32_t constants[64], const uint8_t *bytes, size_t blocks);
