// Puts our kernels before llama.cpp's functions, in the width that this processor has.
//
// llama-cpp.cmake lets the linker send calls of five functions here first (--wrap). Whatever no
// kernel handles goes on to llama.cpp's own. GGML_KERNELS_OFF takes kernels away by their names,
// and with the word `wide` the wide ones, so that the narrow ones can be tried.

#include "kernels.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

#define EXTRA_SIZE_ARGUMENTS int n_threads, const ggml_tensor *out, size_t *size

extern "C" {
bool __real_ggml_cpu_extra_compute_forward(PRODUCT_ARGUMENTS);
bool __wrap_ggml_cpu_extra_compute_forward(PRODUCT_ARGUMENTS);
bool __real_ggml_cpu_extra_work_size(EXTRA_SIZE_ARGUMENTS);
bool __wrap_ggml_cpu_extra_work_size(EXTRA_SIZE_ARGUMENTS);
void __real_ggml_compute_forward_flash_attn_ext(TENSOR_ARGUMENTS);
void __wrap_ggml_compute_forward_flash_attn_ext(TENSOR_ARGUMENTS);
void __real_ggml_compute_forward_glu(TENSOR_ARGUMENTS);
void __wrap_ggml_compute_forward_glu(TENSOR_ARGUMENTS);
void __real_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS);
void __wrap_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS);
const char *newsmill_kernels();
const char *newsmill_width();
}

namespace {

using namespace newsmill;

bool is_on(const std::string &name) {
    const char *given = std::getenv("GGML_KERNELS_OFF");
    std::istringstream words(given == nullptr ? "" : given);
    for (std::string word; words >> word;) {
        if (word == name) {
            return false;
        }
    }
    return true;
}

// What is in use: a width, or none, and its kernels but for those that were taken away.
struct Choice {
    const char *width = "";
    std::string names;
    Kernels kernels{};

    Choice() {
        const bool has_narrow = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                __builtin_cpu_supports("f16c");
        const bool has_wide =
            has_narrow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512vnni");
        if (has_wide && is_on("wide")) {
            take("AVX-512 VNNI", wide::kernels);
        } else if (has_narrow) {
            take("AVX2", narrow::kernels);
        }
    }

  private:
    void take(const char *name, const Kernels &all) {
        width = name;
        if (is_on_by_name("four_bit")) {
            kernels.multiply = all.multiply, kernels.find_room = all.find_room;
        }
        if (is_on_by_name("attention")) {
            kernels.attend = all.attend;
        }
        if (is_on_by_name("elementwise")) {
            kernels.gate = all.gate, kernels.normalise = all.normalise;
        }
    }

    bool is_on_by_name(const char *name) {
        if (!is_on(name)) {
            return false;
        }
        names += (names.empty() ? "" : " ") + std::string(name);
        return true;
    }
};

const Choice &choice() {
    static const Choice chosen;
    return chosen;
}

const Kernels &ours() { return choice().kernels; }

} // namespace

// The kernels in use, by name, and their width; inference/kernels/__init__.py asks for them.
const char *newsmill_kernels() { return choice().names.c_str(); }
const char *newsmill_width() { return choice().width; }

bool __wrap_ggml_cpu_extra_compute_forward(PRODUCT_ARGUMENTS) {
    if (ours().multiply != nullptr && !params->use_ref && ours().multiply(params, out)) {
        return true;
    }
    return __real_ggml_cpu_extra_compute_forward(params, out);
}

bool __wrap_ggml_cpu_extra_work_size(EXTRA_SIZE_ARGUMENTS) {
    // Enough for llama.cpp's own as well, which rounds to about as many bytes.
    const bool found = __real_ggml_cpu_extra_work_size(n_threads, out, size);
    const size_t room = ours().find_room != nullptr ? ours().find_room(out) : 0;
    if (room > 0) {
        *size = found ? std::max(*size, room) : room;
    }
    return found || room > 0;
}

void __wrap_ggml_compute_forward_flash_attn_ext(TENSOR_ARGUMENTS) {
    if (ours().attend == nullptr || params->use_ref || !ours().attend(params, out)) {
        __real_ggml_compute_forward_flash_attn_ext(params, out);
    }
}

void __wrap_ggml_compute_forward_glu(TENSOR_ARGUMENTS) {
    if (ours().gate == nullptr || params->use_ref || !ours().gate(params, out)) {
        __real_ggml_compute_forward_glu(params, out);
    }
}

void __wrap_ggml_compute_forward_rms_norm_mul_fused(NORM_ARGUMENTS) {
    if (ours().normalise == nullptr || !ours().normalise(params, norm, out)) {
        __real_ggml_compute_forward_rms_norm_mul_fused(params, norm, out);
    }
}
