// Matrix products of 4-bit weights (Q4_0, IQ4_NL) with 8-bit activations, for x86 CPUs with
// AVX-512 VNNI: two to three times as fast as llama.cpp's own, with the same bits as result.
//
// llama-cpp.cmake compiles this file into ggml-cpu and lets the linker put it before llama.cpp's
// functions of the same name (--wrap). It reads the layouts that llama.cpp repacks weights and
// activations into (ggml-cpu/repack.h), and calls llama.cpp's function for whatever it cannot do.
// Knows nothing about models.
//
// What makes it fast: VNNI multiplies unsigned by signed bytes. llama.cpp makes the weights
// signed and moves their signs to the activations, three instructions for each product. Here the
// weights stay unsigned, as w + ZERO, and ZERO times the sum of the activations is taken off
// beforehand: one instruction for each product, with the activation broadcast from memory.

#include "kernels.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#define GGML_RESTRICT __restrict
#define GEMM_ARGUMENTS \
    int n, float *GGML_RESTRICT s, size_t bs, const void *GGML_RESTRICT vx, \
        const void *GGML_RESTRICT vy, int nr, int nc

extern "C" {
void __real_ggml_gemm_q4_0_8x8_q8_0(GEMM_ARGUMENTS);
void __real_ggml_gemm_iq4_nl_8x8_q8_0(GEMM_ARGUMENTS);
}

#ifdef NEWSMILL_KERNELS

#include <immintrin.h>

namespace {

constexpr int BLOCK = 32;          // weights, or activations, that share a scale
constexpr int COLUMNS = 16;        // outputs that are computed together: one to a lane
constexpr int PANEL = 64;          // outputs for which a group of rows is fetched once
constexpr int ROWS = 4;            // activations' rows that llama.cpp interleaves

struct Weights {                   // 32 weights of each of 8 outputs (block_q4_0x8, block_iq4_nlx8)
    uint16_t scale[8];             // float16
    uint8_t quants[128];           // [half of the nibbles' bytes][output][8 bytes]
};

struct Activations {               // 32 activations of each of 4 rows (block_q8_0x4)
    uint16_t scale[ROWS];          // float16
    int8_t quants[128];            // [group of 8 activations][row][8]
};

static_assert(sizeof(Weights) == 144 && sizeof(Activations) == 136, "llama.cpp's layouts");

struct Q4_0 {
    static constexpr int ZERO = 8;
    // llama.cpp flips the nibbles' upper bits when it repacks; this flips them back.
    static __m512i prepare(__m512i raw) { return _mm512_xor_si512(raw, _mm512_set1_epi8(-0x78)); }
    static __m512i decode(__m512i nibbles) { return nibbles; }
};

struct IQ4_NL {
    static constexpr int ZERO = 128;
    static __m512i prepare(__m512i raw) { return raw; }
    static __m512i decode(__m512i nibbles) {
        // The sixteen values of ggml's table (kvalues_iq4nl), each plus ZERO.
        const __m128i values = _mm_setr_epi8(
            1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39, -15);
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), nibbles);
    }
};

// Give 16 outputs' weights of one block: step k holds activations 4k to 4k + 3, an output a lane.
template <typename Kind>
inline void unpack(const Weights &left, const Weights &right, __m512i steps[8]) {
    const __m512i low = _mm512_set1_epi8(0x0F);
    const __m512i even = _mm512_setr_epi32(
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    for (int half = 0; half < 2; half++) {
        const __m512i a = Kind::prepare(_mm512_loadu_si512(left.quants + 64 * half));
        const __m512i b = Kind::prepare(_mm512_loadu_si512(right.quants + 64 * half));
        for (int upper = 0; upper < 2; upper++) {
            const int shift = 4 * upper;
            const __m512i x = Kind::decode(_mm512_and_si512(_mm512_srli_epi16(a, shift), low));
            const __m512i y = Kind::decode(_mm512_and_si512(_mm512_srli_epi16(b, shift), low));
            steps[4 * upper + 2 * half] = _mm512_permutex2var_epi32(x, even, y);
            steps[4 * upper + 2 * half + 1] = _mm512_permutex2var_epi32(x, odd, y);
        }
    }
}

// Add to each lane four weights times the same four activations. Written out, since the compiler
// (GCC 12) spends an instruction of its own on the broadcast: 6 % of the whole.
inline __m512i add_products(__m512i sum, __m512i weights, const int8_t *activations) {
    asm("vpdpbusd %2%{1to16%}, %1, %0"
        : "+v"(sum)
        : "v"(weights), "m"(*(const int8_t(*)[4])activations));
    return sum;
}

// What is known of a row's block before any weight is: both indexed [block][row in its group].
struct Prepared {
    const int32_t *offset;         // -ZERO times the sum of the activations
    const float *scale;
};

// Multiply GROUPS * 4 rows with 16 outputs. `blocks` to a row; `stride` floats from row to row.
template <typename Kind, int GROUPS>
inline void multiply(int blocks, float *out, size_t stride, const Weights *left,
                     const Weights *right, const Activations *rows, Prepared prepared) {
    // Loops over rows are unrolled, so that all sums stay in registers.
    __m512 sums[GROUPS * ROWS];
#pragma GCC unroll 16
    for (__m512 &sum : sums) {
        sum = _mm512_setzero_ps();
    }
    for (int block = 0; block < blocks; block++) {
        __m512i steps[8];
        unpack<Kind>(left[block], right[block], steps);
        const __m256i halves = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)left[block].scale)),
            _mm_loadu_si128((const __m128i *)right[block].scale), 1);
        const __m512 scales = _mm512_cvtph_ps(halves);
#pragma GCC unroll 4
        for (int group = 0; group < GROUPS; group++) {
            const size_t place = (size_t)group * blocks + block;
#pragma GCC unroll 4
            for (int row = 0; row < ROWS; row++) {
                const int8_t *quants = rows[place].quants + 8 * row;
                __m512i sum = _mm512_set1_epi32(prepared.offset[ROWS * place + row]);
                for (int k = 0; k < 8; k++) {
                    sum = add_products(sum, steps[k], quants + 32 * (k / 2) + 4 * (k % 2));
                }
                const __m512 own = _mm512_set1_ps(prepared.scale[ROWS * place + row]);
                __m512 &total = sums[ROWS * group + row];
                total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(scales, own), total);
            }
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < GROUPS * ROWS; row++) {
        _mm512_storeu_ps(out + row * stride, sums[row]);
    }
}

// Add up the activations of `count` blocks of four rows, and widen their scales.
template <typename Kind>
void prepare(const Activations *rows, size_t count, int32_t *offset, float *scale) {
    const __m512i ones = _mm512_set1_epi8(1);
    const __m128i zero = _mm_set1_epi32(-Kind::ZERO);
    for (size_t i = 0; i < count; i++) {
        __m512i pairs = _mm512_setzero_si512();
        pairs = _mm512_dpbusd_epi32(pairs, ones, _mm512_loadu_si512(rows[i].quants));
        pairs = _mm512_dpbusd_epi32(pairs, ones, _mm512_loadu_si512(rows[i].quants + 64));
        // Lanes by row: 0 0 1 1 2 2 3 3, twice.
        __m256i half = _mm256_add_epi32(
            _mm512_castsi512_si256(pairs), _mm512_extracti64x4_epi64(pairs, 1));
        half = _mm256_hadd_epi32(half, half);
        const __m128i sums = _mm_unpacklo_epi64(
            _mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
        _mm_storeu_si128((__m128i *)(offset + ROWS * i), _mm_mullo_epi32(sums, zero));
        const __m128i halves = _mm_loadl_epi64((const __m128i *)rows[i].scale);
        _mm_storeu_ps(scale + ROWS * i, _mm_cvtph_ps(halves));
    }
}

template <typename Kind> void gemm(GEMM_ARGUMENTS) {
    static thread_local std::vector<int32_t> offsets;
    static thread_local std::vector<float> scales;
    const int blocks = n / BLOCK;
    const int groups = nr / ROWS;
    const auto *weights = (const Weights *)vx;
    const auto *rows = (const Activations *)vy;
    const size_t count = (size_t)groups * blocks;
    offsets.resize(std::max(offsets.size(), count * ROWS));
    scales.resize(std::max(scales.size(), count * ROWS));
    prepare<Kind>(rows, count, offsets.data(), scales.data());
    for (int panel = 0; panel < nc; panel += PANEL) {
        const int end = std::min(panel + PANEL, nc);
        for (int group = 0; group < groups;) {
            const size_t first = (size_t)group * blocks;
            const Prepared prepared{offsets.data() + first * ROWS, scales.data() + first * ROWS};
            // Sixteen rows are as many sums as the registers hold beside the weights.
            const int together = groups - group >= 4 ? 4 : groups - group >= 2 ? 2 : 1;
            const auto step = together == 4   ? multiply<Kind, 4>
                              : together == 2 ? multiply<Kind, 2>
                                              : multiply<Kind, 1>;
            for (int column = panel; column < end; column += COLUMNS) {
                const Weights *left = weights + (size_t)(column / 8) * blocks;
                float *out = s + (size_t)group * ROWS * bs + column;
                step(blocks, out, bs, left, left + blocks, rows + first, prepared);
            }
            group += together;
        }
    }
}

template <typename Kind> void dispatch(GEMM_ARGUMENTS, decltype(__real_ggml_gemm_q4_0_8x8_q8_0) *real) {
    static const bool on = newsmill::is_on("four_bit");
    const int whole = on ? nc / COLUMNS * COLUMNS : 0;
    if (whole > 0) {
        gemm<Kind>(n, s, bs, vx, vy, nr, whole);
    }
    if (whole < nc) {
        const size_t skipped = (size_t)(whole / 8) * (n / BLOCK) * sizeof(Weights);
        real(n, s + whole, bs, (const char *)vx + skipped, vy, nr, nc - whole);
    }
}

} // namespace

extern "C" {
void __wrap_ggml_gemm_q4_0_8x8_q8_0(GEMM_ARGUMENTS) {
    dispatch<Q4_0>(n, s, bs, vx, vy, nr, nc, __real_ggml_gemm_q4_0_8x8_q8_0);
}

void __wrap_ggml_gemm_iq4_nl_8x8_q8_0(GEMM_ARGUMENTS) {
    dispatch<IQ4_NL>(n, s, bs, vx, vy, nr, nc, __real_ggml_gemm_iq4_nl_8x8_q8_0);
}
}

#else // a CPU without these instructions keeps llama.cpp's own

extern "C" {
void __wrap_ggml_gemm_q4_0_8x8_q8_0(GEMM_ARGUMENTS) {
    __real_ggml_gemm_q4_0_8x8_q8_0(n, s, bs, vx, vy, nr, nc);
}

void __wrap_ggml_gemm_iq4_nl_8x8_q8_0(GEMM_ARGUMENTS) {
    __real_ggml_gemm_iq4_nl_8x8_q8_0(n, s, bs, vx, vy, nr, nc);
}
}

#endif
