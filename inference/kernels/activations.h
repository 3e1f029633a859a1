// 8-bit activations, as our products of 4-bit weights read them: one scale for 128 of them.
//
// llama.cpp gives 32 activations a scale for these weights, 256 for its K-quants. A scale for 128
// saves every tenth instruction of the products and costs next to nothing (docs/decisions/0012).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace newsmill::NEWSMILL_WIDTH {

constexpr int BLOCK = 32;          // activations of a row that stand together, as weights do
constexpr int SPAN = 4;            // blocks of a row that share a scale; the last may be shorter
constexpr int ROWS = 4;            // rows that stand interleaved: a group

struct Block {                     // of each of four rows
    int8_t quants[BLOCK * ROWS];   // [eight activations][row][8]
};

using Offsets = std::array<int32_t, ROWS>; // of a block: -zero times the sum of its activations
using Factors = std::array<float, ROWS>;   // of a span: its scale by the next one's, or by 1

// All rows of a product, rounded, in room that somebody else owns. Where the number of rows is no
// multiple of four, rows of zeros follow.
class Activations {
  public:
    // Bytes that so many rows need, of so many activations each.
    static size_t room(int64_t rows, int64_t width);

    Activations(void *room, int64_t rows, int64_t width);

    // Round a group's rows, `stride` floats from one to the next. Weights have `zero` added.
    void round(int64_t group, const float *values, size_t stride, int zero);

    int64_t groups() const { return (all_rows + ROWS - 1) / ROWS; }
    int blocks() const { return block_count; }
    int spans() const { return (block_count + SPAN - 1) / SPAN; }
    // Of a group and those that follow it.
    Block *block(int64_t group) const { return all_blocks + group * block_count; }
    Offsets *offsets(int64_t group) const { return all_offsets + group * block_count; }
    Factors *factors(int64_t group) const { return all_factors + group * spans(); }

  private:
    int64_t all_rows;
    int block_count;
    Block *all_blocks;
    Offsets *all_offsets;
    Factors *all_factors;
};

} // namespace newsmill::NEWSMILL_WIDTH
