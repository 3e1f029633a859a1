// The kernels of one width, for each other's files.

#pragma once

#include "kernels.h"

namespace newsmill::NEWSMILL_WIDTH {

bool multiply(PRODUCT_ARGUMENTS);           // four_bit.cpp
size_t find_room(const ggml_tensor *out);
bool attend(TENSOR_ARGUMENTS);              // attention.cpp
bool gate(TENSOR_ARGUMENTS);                // elementwise.cpp
bool normalise(NORM_ARGUMENTS);

} // namespace newsmill::NEWSMILL_WIDTH
