// Matrix products of 4-bit weights (Q4_0, IQ4_NL) with 8-bit activations: more than twice as fast
// as llama.cpp's own.
//
// Reads weights in the layout that llama.cpp repacks them into (ggml-cpu/repack.cpp). Knows nothing
// about models, nor how many outputs a register holds: columns.h does.
//
// What makes it fast: the instructions multiply unsigned by signed bytes. llama.cpp makes the weights
// signed and moves their signs to the activations, three instructions for each product. Here the
// weights stay unsigned where they can: see columns.h. The activations of a span share a scale, so a
// block's sum is multiplied by the weights' scale alone; the weights that come next are fetched
// meanwhile.
//
// A row's result depends on that row alone, bit for bit, whatever else is computed.

#include "columns.h"
#include "width.h"

#include "repack.h"

#include <algorithm>

namespace newsmill::NEWSMILL_WIDTH {

namespace {

constexpr int PANEL = 64;          // outputs for which a group of rows is fetched once
constexpr int PARTS = 8;           // of the outputs for each thread: who is done takes another

// Begin to fetch the weights of the next outputs. Those behind the last are never looked at.
inline void prefetch(const Weights *block, int blocks) {
    for (int eight = COLUMNS / 8; eight < 2 * (COLUMNS / 8); eight++) {
        const auto *bytes = (const char *)(block + (size_t)eight * blocks);
        for (size_t i = 0; i < sizeof(Weights); i += 64) {
            _mm_prefetch(bytes + i, _MM_HINT_T0);
        }
    }
}

// Where results go: `stride` floats from row to row, no more than so many rows and columns.
struct Results {
    float *first;
    size_t stride;
    int64_t rows, columns;
};

// Multiply GROUPS * 4 rows with the weights of COLUMNS outputs, or of eight. Sums are kept in units
// of their span's scale, and change units from span to span.
template <typename Kind, int GROUPS>
inline void multiply_tile(const Activations &all, int64_t first_group, const Weights *weights,
                          const Results &results) {
    const int blocks = all.blocks(), spans = all.spans();
    const Block *rows = all.block(first_group);
    const Offsets *offsets = all.offsets(first_group);
    const Factors *factors = all.factors(first_group);
    // Where there are no second eight outputs, the first are taken twice.
    const size_t apart = results.columns < COLUMNS ? 0 : blocks;
    // Loops over rows are unrolled, so that all sums stay in registers.
    Floats sums[GROUPS][ROWS];
#pragma GCC unroll 4
    for (auto &group : sums) {
#pragma GCC unroll 4
        for (Floats &sum : group) {
            sum = fill(0);
        }
    }
    for (int span = 0; span < spans; span++) {
        const int end = std::min((span + 1) * SPAN, blocks);
        for (int block = span * SPAN; block < end; block++) {
            prefetch(weights + block, blocks);
            Integers steps[8];
            unpack<Kind>(weights + block, apart, steps);
            const Floats scales = load_scales(weights + block, apart);
#pragma GCC unroll 4
            for (int group = 0; group < GROUPS; group++) {
                const size_t place = (size_t)group * blocks + block;
                add_block<Kind>(steps, scales, rows[place], offsets[place], sums[group]);
            }
        }
#pragma GCC unroll 4
        for (int group = 0; group < GROUPS; group++) {
            const Factors &own = factors[(size_t)group * spans + span];
#pragma GCC unroll 4
            for (int row = 0; row < ROWS; row++) {
                sums[group][row] = sums[group][row] * own[row];
            }
        }
    }
#pragma GCC unroll 4
    for (int group = 0; group < GROUPS; group++) {
#pragma GCC unroll 4
        for (int row = 0; row < ROWS; row++) {
            const int number = ROWS * group + row;
            if (number < results.rows) {
                float *place = results.first + number * results.stride;
                store_columns(place, sums[group][row], results.columns);
            }
        }
    }
}

// Multiply all rows with some outputs.
template <typename Kind>
void multiply_part(const Activations &all, const ggml_tensor *out, int64_t begin, int64_t end) {
    const auto *weights = (const Weights *)out->src[0]->data;
    const size_t stride = out->nb[1] / sizeof(float);
    for (int64_t panel = begin; panel < end; panel += PANEL) {
        const int64_t panel_end = std::min(panel + PANEL, end);
        for (int64_t group = 0, left; (left = all.groups() - group) > 0;) {
            const int together = std::min<int64_t>(MOST_GROUPS, left >= 4 ? 4 : left >= 2 ? 2 : 1);
            const auto step = together == 4   ? multiply_tile<Kind, 4>
                              : together == 2 ? multiply_tile<Kind, 2>
                                              : multiply_tile<Kind, 1>;
            for (int64_t column = panel; column < panel_end; column += COLUMNS) {
                float *first = (float *)out->data + group * ROWS * stride + column;
                step(all, group, weights + column / 8 * all.blocks(),
                     {first, stride, out->ne[1] - group * ROWS, panel_end - column});
            }
            group += together;
        }
    }
}

template <typename Kind> void compute(PRODUCT_ARGUMENTS) {
    const ggml_tensor *in = out->src[1];
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
    const int64_t outputs = out->ne[0];
    const int64_t panels = (outputs + PANEL - 1) / PANEL, parts = params->nth * PARTS;
    const int64_t size = (panels + parts - 1) / parts * PANEL;
    for (int64_t part = params->ith; part * size < outputs;
         part = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        multiply_part<Kind>(all, out, part * size, std::min((part + 1) * size, outputs));
    }
}

// Whether it is a product of weights that llama.cpp has repacked as we read them.
bool is_ours(const ggml_tensor *out) {
    if (out->op != GGML_OP_MUL_MAT) {
        return false;
    }
    const ggml_tensor *weights = out->src[0], *in = out->src[1];
    return (weights->type == GGML_TYPE_Q4_0 || weights->type == GGML_TYPE_IQ4_NL) &&
           weights->extra != nullptr && weights->buffer != nullptr &&
           weights->buffer->buft == ggml_backend_cpu_repack_buffer_type() &&
           weights->ne[1] % 8 == 0 && ggml_nrows(weights) == weights->ne[1] &&
           in->type == GGML_TYPE_F32 && in->nb[0] == sizeof(float) &&
           ggml_nrows(in) == in->ne[1] && out->nb[0] == sizeof(float);
}

} // namespace

bool multiply(PRODUCT_ARGUMENTS) {
    if (!is_ours(out)) {
        return false;
    }
    const auto step = out->src[0]->type == GGML_TYPE_Q4_0 ? compute<Q4_0> : compute<IQ4_NL>;
    step(params, out);
    return true;
}

size_t find_room(const ggml_tensor *out) {
    return is_ours(out) ? Activations::room(out->src[1]->ne[1], out->src[1]->ne[0]) : 0;
}

} // namespace newsmill::NEWSMILL_WIDTH
