// Our kernels, in the two widths that llama-cpp.cmake compiles each of their files for: `wide` for
// AVX-512 VNNI, `narrow` for AVX2. kernels.cpp chooses one of them when the program runs.

#pragma once

#include "ggml-cpu-impl.h"

#define PRODUCT_ARGUMENTS ggml_compute_params *params, ggml_tensor *out
#define TENSOR_ARGUMENTS const ggml_compute_params *params, ggml_tensor *out
#define NORM_ARGUMENTS const ggml_compute_params *params, ggml_tensor *norm, ggml_tensor *out

namespace newsmill {

// What a kernel cannot compute is left to llama.cpp: each gives false, and has done nothing.
struct Kernels {
    bool (*multiply)(PRODUCT_ARGUMENTS);
    size_t (*find_room)(const ggml_tensor *out); // bytes of work space for `multiply`; 0: cannot
    bool (*attend)(TENSOR_ARGUMENTS);
    bool (*gate)(TENSOR_ARGUMENTS);
    bool (*normalise)(NORM_ARGUMENTS);
};

namespace wide {
extern const Kernels kernels;
}

namespace narrow {
extern const Kernels kernels;
}

} // namespace newsmill
