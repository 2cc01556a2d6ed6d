#include "sha256.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static int is_known(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

// The instructions take the eight words as ABEF and CDGH, and do two rounds at a time.
__attribute__((target("sha,ssse3,sse4.1"))) static void compress(
    uint32_t state[8], const uint32_t constants[64], const uint8_t *bytes, size_t blocks) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
  __m128i abef = _mm_alignr_epi8(low, high, 8);
  __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);
  for (; blocks > 0; blocks--, bytes += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
    for (int part = 0; part < 4; part++)
      words[part] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * part)), order);
    // Else `words` stays in memory.
#pragma clang loop unroll(full)
    for (int round = 0; round < 16; round++) {
      __m128i current = words[round & 3];
      if (round >= 4) {
        // W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16], four of them at a time.
        const __m128i last = words[(round + 3) & 3], before = words[(round + 2) & 3];
        current = _mm_sha256msg1_epu32(current, words[(round + 1) & 3]);
        current = _mm_sha256msg2_epu32(_mm_add_epi32(current, _mm_alignr_epi8(last, before, 4)), last);
        words[round & 3] = current;
      }
      const __m128i sum =
          _mm_add_epi32(current, _mm_loadu_si128((const __m128i *)(constants + 4 * round)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  low = _mm_shuffle_epi32(abef, 0x1B);
  high = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

int csystem_sha256(uint32_t state[8], const uint32_t constants[64], const uint8_t *bytes, size_t blocks) {
  static int known = -1;
  int knows = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (knows < 0) {
    knows = is_known();
    __atomic_store_n(&known, knows, __ATOMIC_RELAXED);
  }
  if (knows) compress(state, constants, bytes, blocks);
  return knows;
}
#else
int csystem_sha256(uint32_t state[8], const uint32_t constants[64], const uint8_t *bytes, size_t blocks) {
  (void)state, (void)constants, (void)bytes, (void)blocks;
  return 0;
}
#endif
