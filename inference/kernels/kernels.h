// What the kernels share: which CPUs they are for, and the switch that turns them off.

#pragma once

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__AVX512VNNI__) && defined(__F16C__)
#define NEWSMILL_KERNELS 1
#endif

namespace newsmill {

// Whether a kernel is to be used: not if GGML_KERNELS_OFF names it, among other words or alone.
bool is_on(const char *kernel);

} // namespace newsmill
