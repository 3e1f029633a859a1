// 4-bit weights of some outputs, side by side in registers, and a block of four rows times these.
//
// Activations are signed bytes and weights are made unsigned, since the instructions multiply
// unsigned by signed: ZERO is added to each weight, and ZERO times the sum of the activations is
// taken off beforehand (activations.h). How many outputs stand together, and how their weights are
// multiplied, depends on the width that this is compiled for; the results are the same, to the bit.

#pragma once

#include "activations.h"
#include "simd.h"

#include <cstddef>
#include <cstdint>

namespace newsmill::NEWSMILL_WIDTH {

struct Weights {                   // 32 weights of each of 8 outputs (block_q4_0x8, block_iq4_nlx8)
    uint16_t scale[8];             // float16
    uint8_t quants[128];           // [half of the nibbles' bytes][output][8 bytes]
};

static_assert(sizeof(Weights) == 144, "llama.cpp's layout");

// The sixteen values of ggml's table kvalues_iq4nl.
#define IQ4_NL_VALUES(plus)                                                                      \
    -127 + plus, -104 + plus, -83 + plus, -65 + plus, -49 + plus, -35 + plus, -22 + plus,        \
        -10 + plus, 1 + plus, 13 + plus, 25 + plus, 38 + plus, 53 + plus, 69 + plus, 89 + plus,  \
        113 + plus

#ifdef __AVX512F__

// AVX-512 VNNI: 16 outputs, one to a lane; four products to a lane are added up by one instruction.
constexpr int COLUMNS = 16;
constexpr int MOST_GROUPS = 4;     // of rows, whose sums the registers hold beside the weights

using Integers = __m512i;

struct Q4_0 {
    static constexpr int ZERO = 8;
    // llama.cpp flips the nibbles' upper bits when it repacks; this flips them back.
    static Integers prepare(Integers raw) { return _mm512_xor_si512(raw, _mm512_set1_epi8(-0x78)); }
    static Integers decode(Integers nibbles) { return nibbles; }
};

struct IQ4_NL {
    static constexpr int ZERO = 128;
    static Integers prepare(Integers raw) { return raw; }
    static Integers decode(Integers nibbles) {
        const uint8_t values[16] = {IQ4_NL_VALUES(ZERO)};
        const __m128i table = _mm_loadu_si128((const __m128i *)values);
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), nibbles);
    }
};

// Give the outputs' weights of one block: step k holds activations 4k to 4k + 3, an output a lane.
// The second eight outputs stand `apart` blocks after the first.
template <typename Kind>
inline void unpack(const Weights *first, size_t apart, Integers steps[8]) {
    const Integers low = _mm512_set1_epi8(0x0F);
    const Integers even = _mm512_setr_epi32(
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const Integers odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    for (int half = 0; half < 2; half++) {
        const Integers a = Kind::prepare(_mm512_loadu_si512(first->quants + 64 * half));
        const Integers b = Kind::prepare(_mm512_loadu_si512(first[apart].quants + 64 * half));
        for (int upper = 0; upper < 2; upper++) {
            const int shift = 4 * upper;
            const Integers x = Kind::decode(_mm512_and_si512(_mm512_srli_epi16(a, shift), low));
            const Integers y = Kind::decode(_mm512_and_si512(_mm512_srli_epi16(b, shift), low));
            steps[4 * upper + 2 * half] = _mm512_permutex2var_epi32(x, even, y);
            steps[4 * upper + 2 * half + 1] = _mm512_permutex2var_epi32(x, odd, y);
        }
    }
}

inline Floats load_scales(const Weights *first, size_t apart) {
    return _mm512_cvtph_ps(_mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)first->scale)),
        _mm_loadu_si128((const __m128i *)first[apart].scale), 1));
}

// Four weights of each lane times the same four activations, for each of four rows.
#define MULTIPLY(step, place)                                                        \
    "vpdpbusd " #place "+0(%[quants])%{1to16%}, %[" #step "], %[x0]\n\t"             \
    "vpdpbusd " #place "+8(%[quants])%{1to16%}, %[" #step "], %[x1]\n\t"             \
    "vpdpbusd " #place "+16(%[quants])%{1to16%}, %[" #step "], %[x2]\n\t"            \
    "vpdpbusd " #place "+24(%[quants])%{1to16%}, %[" #step "], %[x3]\n\t"

// Multiply a block of weights with a block of four rows, and add the products, times the weights'
// scales, to the rows' sums. Written out, for two things that GCC 12 does not do: the multiplying
// instruction fetches and broadcasts the activation itself (6 % of the whole), and the rows take
// turns, so that no instruction waits for the one before it.
template <typename Kind>
inline void add_block(const Integers steps[8], Floats scales, const Block &rows,
                      const Offsets &offsets, Floats (&sums)[ROWS]) {
    Integers x0, x1, x2, x3;
    Floats sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    asm("vpbroadcastd 0(%[offsets]), %[x0]\n\t"
        "vpbroadcastd 4(%[offsets]), %[x1]\n\t"
        "vpbroadcastd 8(%[offsets]), %[x2]\n\t"
        "vpbroadcastd 12(%[offsets]), %[x3]\n\t"
        MULTIPLY(w0, 0) MULTIPLY(w1, 4) MULTIPLY(w2, 32) MULTIPLY(w3, 36)
        MULTIPLY(w4, 64) MULTIPLY(w5, 68) MULTIPLY(w6, 96) MULTIPLY(w7, 100)
        "vcvtdq2ps %[x0], %[x0]\n\t"
        "vcvtdq2ps %[x1], %[x1]\n\t"
        "vcvtdq2ps %[x2], %[x2]\n\t"
        "vcvtdq2ps %[x3], %[x3]\n\t"
        "vfmadd231ps %[scales], %[x0], %[sum0]\n\t"
        "vfmadd231ps %[scales], %[x1], %[sum1]\n\t"
        "vfmadd231ps %[scales], %[x2], %[sum2]\n\t"
        "vfmadd231ps %[scales], %[x3], %[sum3]"
        : [x0] "=&v"(x0), [x1] "=&v"(x1), [x2] "=&v"(x2), [x3] "=&v"(x3), [sum0] "+v"(sum0),
          [sum1] "+v"(sum1), [sum2] "+v"(sum2), [sum3] "+v"(sum3)
        : [w0] "v"(steps[0]), [w1] "v"(steps[1]), [w2] "v"(steps[2]), [w3] "v"(steps[3]),
          [w4] "v"(steps[4]), [w5] "v"(steps[5]), [w6] "v"(steps[6]), [w7] "v"(steps[7]),
          [scales] "v"(scales), [quants] "r"(rows.quants), [offsets] "r"(&offsets), "m"(rows),
          "m"(offsets));
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

#undef MULTIPLY

// Store the sums of the first `count` outputs, all of them or eight.
inline void store_columns(float *out, Floats sums, int64_t count) {
    _mm512_mask_storeu_ps(out, count < COLUMNS ? 0xFF : 0xFFFF, sums);
}

#else

// AVX2: 8 outputs, one to a lane. An instruction multiplies and adds neighbours as 16-bit numbers,
// which hold the sum of a whole block where the weights are small.
constexpr int COLUMNS = 8;
constexpr int MOST_GROUPS = 2;

using Integers = __m256i;

inline Integers broadcast(const int8_t *four) {
    int32_t bits;
    __builtin_memcpy(&bits, four, sizeof bits);
    return _mm256_set1_epi32(bits);
}

struct Q4_0 {
    static constexpr int ZERO = 8;
    static Integers prepare(Integers raw) { return _mm256_xor_si256(raw, _mm256_set1_epi8(-0x78)); }
    static Integers decode(Integers nibbles) { return nibbles; }

    // A lane adds up two of: at most 15 * 127 * 2 in each half, of which eight are below 32768.
    static Integers multiply(const Integers steps[8], const int8_t *row) {
        Integers sums[4];
        for (int i = 0; i < 4; i++) {
            const int8_t *eight = row + 8 * ROWS * i;
            sums[i] = _mm256_add_epi16(_mm256_maddubs_epi16(steps[2 * i], broadcast(eight)),
                                       _mm256_maddubs_epi16(steps[2 * i + 1], broadcast(eight + 4)));
        }
        const Integers all = _mm256_add_epi16(_mm256_add_epi16(sums[0], sums[1]),
                                              _mm256_add_epi16(sums[2], sums[3]));
        return _mm256_madd_epi16(all, _mm256_set1_epi16(1));
    }
};

struct IQ4_NL {
    static constexpr int ZERO = 0; // these weights are too large to be made unsigned
    static Integers prepare(Integers raw) { return raw; }
    static Integers decode(Integers nibbles) {
        const int8_t values[16] = {IQ4_NL_VALUES(0)};
        const __m128i table = _mm_loadu_si128((const __m128i *)values);
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles);
    }

    // The weights' signs move to the activations.
    static Integers multiply(const Integers steps[8], const int8_t *row) {
        Integers sum = _mm256_setzero_si256();
        for (int i = 0; i < 8; i++) {
            const Integers four = broadcast(row + 8 * ROWS * (i / 2) + 4 * (i % 2));
            const Integers pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(steps[i]),
                                                        _mm256_sign_epi8(four, steps[i]));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
        return sum;
    }
};

// Pair the dwords of four outputs with those of the other four: outputs come out as 0 1 4 5 2 3 6 7.
template <int WHICH> inline Integers pair(Integers a, Integers b) {
    return _mm256_castps_si256(
        _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), WHICH));
}

inline Floats swap_outputs(Floats a) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a), 0xD8));
}

// Give the outputs' weights of one block: step k holds activations 4k to 4k + 3, an output a lane.
template <typename Kind> inline void unpack(const Weights *first, size_t, Integers steps[8]) {
    const Integers low = _mm256_set1_epi8(0x0F);
    for (int half = 0; half < 2; half++) {
        const auto *quants = (const __m256i *)(first->quants + 64 * half);
        const Integers a = Kind::prepare(_mm256_loadu_si256(quants));
        const Integers b = Kind::prepare(_mm256_loadu_si256(quants + 1));
        for (int upper = 0; upper < 2; upper++) {
            const int shift = 4 * upper;
            const Integers x = Kind::decode(_mm256_and_si256(_mm256_srli_epi16(a, shift), low));
            const Integers y = Kind::decode(_mm256_and_si256(_mm256_srli_epi16(b, shift), low));
            steps[4 * upper + 2 * half] = pair<0x88>(x, y);
            steps[4 * upper + 2 * half + 1] = pair<0xDD>(x, y);
        }
    }
}

inline Floats load_scales(const Weights *first, size_t) { return swap_outputs(load(first->scale)); }

// Multiply a block of weights with a block of four rows, and add the products, times the weights'
// scales, to the rows' sums.
template <typename Kind>
inline void add_block(const Integers steps[8], Floats scales, const Block &rows,
                      const Offsets &offsets, Floats (&sums)[ROWS]) {
#pragma GCC unroll 4
    for (int row = 0; row < ROWS; row++) {
        const Integers products = Kind::multiply(steps, rows.quants + 8 * row);
        const Integers all = _mm256_add_epi32(products, _mm256_set1_epi32(offsets[row]));
        sums[row] = multiply_add(scales, _mm256_cvtepi32_ps(all), sums[row]);
    }
}

inline void store_columns(float *out, Floats sums, int64_t) { store(out, swap_outputs(sums)); }

#endif

#undef IQ4_NL_VALUES

} // namespace newsmill::NEWSMILL_WIDTH
