// GELU and the root-mean-square norm.
//
// llama.cpp looks GELU up in a table of float16, one value at a time, and adds a norm's squares up
// one at a time, each head's rows on one thread. Here both work on a whole register at once, in
// float32, and rows are dealt out to the threads whatever their tensor's shape.

#include "simd.h"
#include "width.h"

#include "vec.h"

#include <cmath>
#include <cstring>

namespace newsmill::NEWSMILL_WIDTH {

namespace {

// Of tensors whose values lie one after the other within a row.
float *find_row(const ggml_tensor *tensor, int64_t i1, int64_t i2, int64_t i3) {
    return (float *)((char *)tensor->data + i1 * tensor->nb[1] + i2 * tensor->nb[2] +
                     i3 * tensor->nb[3]);
}

float *find_row(const ggml_tensor *tensor, int64_t row) {
    const int64_t i1 = row % tensor->ne[1], rest = row / tensor->ne[1];
    return find_row(tensor, i1, rest % tensor->ne[2], rest / tensor->ne[2]);
}

bool has_whole_lanes(const ggml_tensor *tensor) {
    return tensor->type == GGML_TYPE_F32 && tensor->nb[0] == sizeof(float) &&
           tensor->ne[0] % LANES == 0;
}

bool is_geglu(const ggml_tensor *out) {
    const ggml_tensor *gate = out->src[0], *other = out->src[1];
    return ggml_get_glu_op(out) == GGML_GLU_OP_GEGLU && other != nullptr &&
           has_whole_lanes(out) && has_whole_lanes(gate) && has_whole_lanes(other) &&
           ggml_are_same_shape(gate, out) && ggml_are_same_shape(other, out);
}

// GELU by way of tanh, as models are trained with: x times the logistic function of
// 2 sqrt(2 / pi) (x + 0.044715 x^3).
inline Floats gelu(Floats x) {
    constexpr float linear = -2 * 0.79788456080286535588f;
    const Floats inner = x * multiply_add(fill(linear * 0.044715f), x * x, fill(linear));
    return x / (1 + ggml_v_expf(inner));
}

void compute_geglu(TENSOR_ARGUMENTS) {
    const int64_t rows = ggml_nrows(out);
    for (int64_t row = params->ith; row < rows; row += params->nth) {
        const float *gate = find_row(out->src[0], row), *other = find_row(out->src[1], row);
        float *result = find_row(out, row);
        for (int64_t i = 0; i < out->ne[0]; i += LANES) {
            store(result + i, gelu(load(gate + i)) * load(other + i));
        }
    }
}

bool is_plain_norm(const ggml_tensor *norm, const ggml_tensor *out) {
    const ggml_tensor *weight = out->src[0] == norm ? out->src[1] : out->src[0];
    return has_whole_lanes(norm->src[0]) && has_whole_lanes(out) && has_whole_lanes(weight) &&
           ggml_nrows(weight) == 1;
}

void compute_norm(NORM_ARGUMENTS) {
    const ggml_tensor *in = norm->src[0];
    const float *weight = (const float *)(out->src[0] == norm ? out->src[1] : out->src[0])->data;
    float epsilon;
    std::memcpy(&epsilon, norm->op_params, sizeof epsilon);
    const int64_t rows = ggml_nrows(in), width = in->ne[0];
    for (int64_t row = params->ith; row < rows; row += params->nth) {
        const float *x = find_row(in, row);
        float *result = find_row(out, row);
        Floats sum = fill(0);
        for (int64_t i = 0; i < width; i += LANES) {
            const Floats own = load(x + i);
            sum = multiply_add(own, own, sum);
        }
        const float mean = add_up(sum) / width;
        const float scale = 1 / std::sqrt(mean + epsilon);
        for (int64_t i = 0; i < width; i += LANES) {
            store(result + i, load(x + i) * scale * load(weight + i));
        }
    }
}

} // namespace

bool gate(TENSOR_ARGUMENTS) {
    const bool known = is_geglu(out);
    if (known) {
        compute_geglu(params, out);
    }
    return known;
}

bool normalise(NORM_ARGUMENTS) {
    const bool known = is_plain_norm(norm, out);
    if (known) {
        compute_norm(params, norm, out);
    }
    return known;
}

} // namespace newsmill::NEWSMILL_WIDTH
