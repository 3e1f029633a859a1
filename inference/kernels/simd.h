// Registers of float32, as wide as this file is compiled for: sixteen numbers with AVX-512, eight
// with AVX2. Sums, products and quotients of registers are written with operators.

#pragma once

#include <cstdint>
#include <immintrin.h>

namespace newsmill::NEWSMILL_WIDTH {

#ifdef __AVX512F__

using Floats = __m512;

inline Floats fill(float value) { return _mm512_set1_ps(value); }
inline Floats load(const float *place) { return _mm512_loadu_ps(place); }
inline Floats load(const uint16_t *halves) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}
inline void store(float *place, Floats values) { _mm512_storeu_ps(place, values); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats greater(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats magnitude(Floats a) { return _mm512_abs_ps(a); }
inline float find_greatest(Floats a) { return _mm512_reduce_max_ps(a); }
inline float add_up(Floats a) { return _mm512_reduce_add_ps(a); }

#else

using Floats = __m256;

inline Floats fill(float value) { return _mm256_set1_ps(value); }
inline Floats load(const float *place) { return _mm256_loadu_ps(place); }
inline Floats load(const uint16_t *halves) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}
inline void store(float *place, Floats values) { _mm256_storeu_ps(place, values); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats greater(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats magnitude(Floats a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
inline float find_greatest(Floats a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
inline float add_up(Floats a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif

constexpr int LANES = sizeof(Floats) / sizeof(float);

} // namespace newsmill::NEWSMILL_WIDTH
