// Matrix products of 4-bit weights (Q4_0, IQ4_NL) with 8-bit activations, for x86 CPUs with
// AVX-512 VNNI: more than twice as fast as llama.cpp's own.
//
// llama-cpp.cmake compiles this file into ggml-cpu and lets the linker put it before the function
// that asks llama.cpp's repacked weights for their product (--wrap). It reads weights in the layout
// that llama.cpp repacks them into (ggml-cpu/repack.cpp), and leaves whatever it cannot do to
// llama.cpp. Knows nothing about models.
//
// What makes it fast: VNNI multiplies unsigned by signed bytes. llama.cpp makes the weights
// signed and moves their signs to the activations, three instructions for each product. Here the
// weights stay unsigned, as w + ZERO, and ZERO times the sum of the activations is taken off
// beforehand: one instruction for each product, with the activation broadcast from memory. The
// activations of a span share a scale, so a block's sum is multiplied by the weights' scale alone;
// the weights that come next are fetched meanwhile.
//
// A row's result depends on that row alone, bit for bit, whatever else is computed.

#include "kernels.h"

#include "repack.h"

#define COMPUTE_ARGUMENTS ggml_compute_params *params, ggml_tensor *op
#define SIZE_ARGUMENTS int n_threads, const ggml_tensor *op, size_t *size

extern "C" {
bool __real_ggml_cpu_extra_compute_forward(COMPUTE_ARGUMENTS);
bool __wrap_ggml_cpu_extra_compute_forward(COMPUTE_ARGUMENTS);
bool __real_ggml_cpu_extra_work_size(SIZE_ARGUMENTS);
bool __wrap_ggml_cpu_extra_work_size(SIZE_ARGUMENTS);
}

#ifdef NEWSMILL_KERNELS

#include "activations.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace {

using namespace newsmill;

constexpr int COLUMNS = 16;        // outputs that are computed together: one to a lane
constexpr int PANEL = 64;          // outputs for which a group of rows is fetched once
constexpr int PARTS = 8;           // of the outputs for each thread: who is done takes another

struct Weights {                   // 32 weights of each of 8 outputs (block_q4_0x8, block_iq4_nlx8)
    uint16_t scale[8];             // float16
    uint8_t quants[128];           // [half of the nibbles' bytes][output][8 bytes]
};

static_assert(sizeof(Weights) == 144, "llama.cpp's layout");

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

// Four weights of each lane times the same four activations, for each of four rows.
#define MULTIPLY(step, place)                                                        \
    "vpdpbusd " #place "+0(%[quants])%{1to16%}, %[" #step "], %[x0]\n\t"             \
    "vpdpbusd " #place "+8(%[quants])%{1to16%}, %[" #step "], %[x1]\n\t"             \
    "vpdpbusd " #place "+16(%[quants])%{1to16%}, %[" #step "], %[x2]\n\t"            \
    "vpdpbusd " #place "+24(%[quants])%{1to16%}, %[" #step "], %[x3]\n\t"

// Multiply a block of 16 outputs' weights with a block of four rows, and add the products, times
// the weights' scales, to the rows' sums. Written out, for two things that GCC 12 does not do: the
// multiplying instruction fetches and broadcasts the activation itself (6 % of the whole), and
// the rows take turns, so that no instruction waits for the one before it.
inline void add_block(const __m512i steps[8], __m512 scales, const Block &rows,
                      const Offsets &offsets, __m512 (&sums)[ROWS]) {
    __m512i x0, x1, x2, x3;
    __m512 sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
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

// Begin to fetch weights that are needed soon. Those behind the last are never looked at.
inline void prefetch(const Weights &weights) {
    for (size_t i = 0; i < sizeof weights; i += 64) {
        _mm_prefetch((const char *)&weights + i, _MM_HINT_T0);
    }
}

// Multiply GROUPS * 4 rows with the weights of 16 outputs, eight left and eight right. Results go
// to `out`, `stride` floats from row to row: of no more than `count` rows and of those `columns`.
// Sums are kept in units of their span's scale, and change units from span to span.
template <typename Kind, int GROUPS>
inline void multiply(const Activations &all, int64_t first_group, const Weights *left,
                     const Weights *right, float *out, size_t stride, int64_t count,
                     __mmask16 columns) {
    const int blocks = all.blocks(), spans = all.spans();
    const Block *rows = all.block(first_group);
    const Offsets *offsets = all.offsets(first_group);
    const Factors *factors = all.factors(first_group);
    // Loops over rows are unrolled, so that all sums stay in registers.
    __m512 sums[GROUPS][ROWS];
#pragma GCC unroll 4
    for (auto &group : sums) {
#pragma GCC unroll 4
        for (__m512 &sum : group) {
            sum = _mm512_setzero_ps();
        }
    }
    for (int span = 0; span < spans; span++) {
        const int end = std::min((span + 1) * SPAN, blocks);
        for (int block = span * SPAN; block < end; block++) {
            prefetch(left[2 * blocks + block]);
            prefetch(right[2 * blocks + block]);
            __m512i steps[8];
            unpack<Kind>(left[block], right[block], steps);
            const __m256i halves = _mm256_inserti128_si256(
                _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)left[block].scale)),
                _mm_loadu_si128((const __m128i *)right[block].scale), 1);
            const __m512 scales = _mm512_cvtph_ps(halves);
#pragma GCC unroll 4
            for (int group = 0; group < GROUPS; group++) {
                const size_t place = (size_t)group * blocks + block;
                add_block(steps, scales, rows[place], offsets[place], sums[group]);
            }
        }
#pragma GCC unroll 4
        for (int group = 0; group < GROUPS; group++) {
            const Factors &own = factors[(size_t)group * spans + span];
#pragma GCC unroll 4
            for (int row = 0; row < ROWS; row++) {
                sums[group][row] = _mm512_mul_ps(sums[group][row], _mm512_set1_ps(own[row]));
            }
        }
    }
#pragma GCC unroll 4
    for (int group = 0; group < GROUPS; group++) {
#pragma GCC unroll 4
        for (int row = 0; row < ROWS; row++) {
            const int number = ROWS * group + row;
            if (number < count) {
                _mm512_mask_storeu_ps(out + number * stride, columns, sums[group][row]);
            }
        }
    }
}

// Multiply all rows with some outputs.
template <typename Kind>
void multiply_part(const Activations &all, const ggml_tensor *op, int64_t begin, int64_t end) {
    const auto *weights = (const Weights *)op->src[0]->data;
    const size_t stride = op->nb[1] / sizeof(float);
    for (int64_t panel = begin; panel < end; panel += PANEL) {
        const int64_t panel_end = std::min(panel + PANEL, end);
        for (int64_t group = 0, left; (left = all.groups() - group) > 0;) {
            // Sixteen rows are as many sums as the registers hold beside the weights.
            const int together = left >= 4 ? 4 : left >= 2 ? 2 : 1;
            const auto step = together == 4   ? multiply<Kind, 4>
                              : together == 2 ? multiply<Kind, 2>
                                              : multiply<Kind, 1>;
            for (int64_t column = panel; column < panel_end; column += COLUMNS) {
                const bool whole = panel_end - column >= COLUMNS;
                const Weights *first = weights + column / 8 * all.blocks();
                const Weights *second = whole ? first + all.blocks() : first;
                float *out = (float *)op->data + group * ROWS * stride + column;
                step(all, group, first, second, out, stride, op->ne[1] - group * ROWS,
                     whole ? 0xFFFF : 0xFF);
            }
            group += together;
        }
    }
}

template <typename Kind> void compute(COMPUTE_ARGUMENTS) {
    const ggml_tensor *in = op->src[1];
    const size_t stride = in->nb[1] / sizeof(float);
    Activations all(params->wdata, in->ne[1], in->ne[0]);
    for (int64_t group = params->ith; group < all.groups(); group += params->nth) {
        all.round(group, (const float *)in->data + group * ROWS * stride, stride, Kind::ZERO);
    }
    if (params->ith == 0) {
        // Each thread begins with the part of its own number.
        ggml_threadpool_chunk_set(params->threadpool, params->nth);
    }
    ggml_barrier(params->threadpool);
    const int64_t outputs = op->ne[0];
    const int64_t panels = (outputs + PANEL - 1) / PANEL, parts = params->nth * PARTS;
    const int64_t size = (panels + parts - 1) / parts * PANEL;
    for (int64_t part = params->ith; part * size < outputs;
         part = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        multiply_part<Kind>(all, op, part * size, std::min((part + 1) * size, outputs));
    }
}

// Whether it is a product of weights that llama.cpp has repacked as we read them.
bool is_ours(const ggml_tensor *op) {
    static const bool on = is_on("four_bit");
    if (!on || op->op != GGML_OP_MUL_MAT) {
        return false;
    }
    const ggml_tensor *weights = op->src[0], *in = op->src[1];
    return (weights->type == GGML_TYPE_Q4_0 || weights->type == GGML_TYPE_IQ4_NL) &&
           weights->extra != nullptr && weights->buffer != nullptr &&
           weights->buffer->buft == ggml_backend_cpu_repack_buffer_type() &&
           weights->ne[1] % 8 == 0 && ggml_nrows(weights) == weights->ne[1] &&
           in->type == GGML_TYPE_F32 && in->nb[0] == sizeof(float) &&
           ggml_nrows(in) == in->ne[1] && op->nb[0] == sizeof(float);
}

} // namespace

bool __wrap_ggml_cpu_extra_compute_forward(COMPUTE_ARGUMENTS) {
    if (params->use_ref || !is_ours(op)) {
        return __real_ggml_cpu_extra_compute_forward(params, op);
    }
    const auto step = op->src[0]->type == GGML_TYPE_Q4_0 ? compute<Q4_0> : compute<IQ4_NL>;
    step(params, op);
    return true;
}

bool __wrap_ggml_cpu_extra_work_size(SIZE_ARGUMENTS) {
    if (!is_ours(op)) {
        return __real_ggml_cpu_extra_work_size(n_threads, op, size);
    }
    // Enough for llama.cpp's own as well, which rounds to about as many bytes.
    const bool found = __real_ggml_cpu_extra_work_size(n_threads, op, size);
    *size = std::max(*size, Activations::room(op->src[1]->ne[1], op->src[1]->ne[0]));
    return found;
}

#else // a CPU without these instructions keeps llama.cpp's own

bool __wrap_ggml_cpu_extra_compute_forward(COMPUTE_ARGUMENTS) {
    return __real_ggml_cpu_extra_compute_forward(params, op);
}

bool __wrap_ggml_cpu_extra_work_size(SIZE_ARGUMENTS) {
    return __real_ggml_cpu_extra_work_size(n_threads, op, size);
}

#endif
