// GELU and the root-mean-square norm, for x86 CPUs with AVX-512.
//
// llama.cpp looks GELU up in a table of float16, one value at a time, and adds a norm's squares up
// one at a time, each head's rows on one thread. Here both work on sixteen values at once, in
// float32, and rows are dealt out to the threads whatever their tensor's shape.
// llama-cpp.cmake puts these before llama.cpp's functions, which get whatever is not handled here.

#include "kernels.h"

#include "ggml-cpu-impl.h"
#include "vec.h"

#define GLU_ARGUMENTS const ggml_compute_params *params, ggml_tensor *out
#define NORM_ARGUMENTS const ggml_compute_params *params, ggml_tensor *norm, ggml_tensor *out

extern "C" {
void __real_ggml_compute_forward_glu(GLU_ARGUMENTS);
void __wrap_ggml_compute_forward_glu(GLU_ARGUMENTS);
void __real_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS);
void __wrap_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS);
}

#ifdef NEWSMILL_KERNELS

#include <cmath>
#include <cstring>
#include <immintrin.h>

namespace {

constexpr int LANES = 16;          // float32 in a register

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
inline __m512 gelu(__m512 x) {
    const __m512 one = _mm512_set1_ps(1);
    const __m512 cubic = _mm512_set1_ps(-2 * 0.79788456080286535588f * 0.044715f);
    const __m512 linear = _mm512_set1_ps(-2 * 0.79788456080286535588f);
    const __m512 inner = _mm512_mul_ps(x, _mm512_fmadd_ps(cubic, _mm512_mul_ps(x, x), linear));
    return _mm512_div_ps(x, _mm512_add_ps(one, ggml_v_expf(inner)));
}

void compute_geglu(GLU_ARGUMENTS) {
    const int64_t rows = ggml_nrows(out);
    for (int64_t row = params->ith; row < rows; row += params->nth) {
        const float *gate = find_row(out->src[0], row), *other = find_row(out->src[1], row);
        float *result = find_row(out, row);
        for (int64_t i = 0; i < out->ne[0]; i += LANES) {
            const __m512 product =
                _mm512_mul_ps(gelu(_mm512_loadu_ps(gate + i)), _mm512_loadu_ps(other + i));
            _mm512_storeu_ps(result + i, product);
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
        __m512 sum = _mm512_setzero_ps();
        for (int64_t i = 0; i < width; i += LANES) {
            const __m512 own = _mm512_loadu_ps(x + i);
            sum = _mm512_fmadd_ps(own, own, sum);
        }
        const float mean = _mm512_reduce_add_ps(sum) / width;
        const __m512 scale = _mm512_set1_ps(1 / std::sqrt(mean + epsilon));
        for (int64_t i = 0; i < width; i += LANES) {
            const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(x + i), scale);
            _mm512_storeu_ps(result + i, _mm512_mul_ps(scaled, _mm512_loadu_ps(weight + i)));
        }
    }
}

bool is_in_use() {
    static const bool on = newsmill::is_on("elementwise");
    return on;
}

} // namespace

void __wrap_ggml_compute_forward_glu(GLU_ARGUMENTS) {
    if (is_in_use() && !params->use_ref && is_geglu(out)) {
        compute_geglu(params, out);
    } else {
        __real_ggml_compute_forward_glu(params, out);
    }
}

void __wrap_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS) {
    if (is_in_use() && is_plain_norm(norm, out)) {
        compute_norm(params, norm, out);
    } else {
        __real_ggml_compute_forward_rms_norm_mul_fused(params, norm, out);
    }
}

#else // a CPU without these instructions keeps llama.cpp's own

void __wrap_ggml_compute_forward_glu(GLU_ARGUMENTS) { __real_ggml_compute_forward_glu(params, out); }

void __wrap_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS) {
    __real_ggml_compute_forward_rms_norm_mul_fused(params, norm, out);
}

#endif
