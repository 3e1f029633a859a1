// Rounding activations to 8 bits, and what our products want to know of them: see activations.h.

#include "activations.h"
#include "simd.h"

#include <algorithm>

namespace newsmill::NEWSMILL_WIDTH {

namespace {

constexpr int PART = 16;           // activations that are rounded at once
constexpr size_t LINE = 64;        // bytes of a cache line
constexpr float NOTHING = 1e-10f;  // counts as zero, so that no factor is out of float32's range

float find_largest(const float *values, int count) {
    Floats most = fill(0);
    for (int i = 0; i < count; i += LANES) {
        most = greater(most, magnitude(load(values + i)));
    }
    return find_greatest(most);
}

#ifdef __AVX512F__

inline __m128i round_part(const float *values, float factor) {
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(load(values) * factor));
}

#else

inline __m128i round_part(const float *values, float factor) {
    const __m256i first = _mm256_cvtps_epi32(load(values) * factor);
    const __m256i second = _mm256_cvtps_epi32(load(values + LANES) * factor);
    const __m256i mixed = _mm256_packs_epi32(first, second);
    const __m256i words = _mm256_permute4x64_epi64(mixed, 0xD8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

#endif

// Add up bytes: four sums of four.
inline __m128i add_bytes(__m128i bytes) {
    const __m128i pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), bytes);
    return _mm_madd_epi16(pairs, _mm_set1_epi16(1));
}

// Round a block of four rows; gives the sums of what it has become.
inline __m128i round_block(const float *const values[ROWS], const float factors[ROWS], Block &block) {
    __m128i sums[ROWS];
    for (int row = 0; row < ROWS; row++) {
        sums[row] = _mm_setzero_si128();
        for (int i = 0; i < BLOCK; i += PART) {
            const __m128i bytes = round_part(values[row] + i, factors[row]);
            int8_t *place = block.quants + i * ROWS + 8 * row;
            _mm_storel_epi64((__m128i *)place, bytes);
            _mm_storeh_pd((double *)(place + 8 * ROWS), _mm_castsi128_pd(bytes));
            sums[row] = _mm_add_epi32(sums[row], add_bytes(bytes));
        }
    }
    return _mm_hadd_epi32(_mm_hadd_epi32(sums[0], sums[1]), _mm_hadd_epi32(sums[2], sums[3]));
}

// Make factors of scales, in place.
void find_factors(Factors *scales, int spans) {
    Factors next{1, 1, 1, 1};
    for (int span = spans - 1; span >= 0; span--) {
        for (int row = 0; row < ROWS; row++) {
            // Where all is zero, any scale will do.
            const float own = scales[span][row] == 0 ? next[row] : scales[span][row];
            scales[span][row] = own / next[row];
            next[row] = own;
        }
    }
}

} // namespace

size_t Activations::room(int64_t rows, int64_t width) {
    const Activations all(nullptr, rows, width);
    return (size_t)(all.factors(all.groups()) - (Factors *)nullptr) * sizeof(Factors) + LINE;
}

Activations::Activations(void *room, int64_t rows, int64_t width)
    : all_rows(rows), block_count((int)(width / BLOCK)) {
    const size_t first = ((size_t)room + LINE - 1) / LINE * LINE;
    all_blocks = (Block *)first;
    all_offsets = (Offsets *)block(groups());
    all_factors = (Factors *)offsets(groups());
}

void Activations::round(int64_t group, const float *values, size_t stride, int zero) {
    const int64_t rows = std::min<int64_t>(ROWS, all_rows - group * ROWS);
    const __m128i minus_zero = _mm_set1_epi32(-zero);
    for (int span = 0; span < spans(); span++) {
        const int first = span * SPAN, end = std::min(first + SPAN, block_count);
        const float *starts[ROWS];
        float by[ROWS];
        for (int row = 0; row < ROWS; row++) {
            // A row that is not there is the last one, times zero.
            starts[row] = values + std::min<int64_t>(row, rows - 1) * stride + first * BLOCK;
            const float largest = row < rows ? find_largest(starts[row], (end - first) * BLOCK) : 0;
            factors(group)[span][row] = largest < NOTHING ? 0 : largest / 127;
            by[row] = largest < NOTHING ? 0 : 127 / largest;
        }
        for (int i = first; i < end; i++) {
            const __m128i sums = round_block(starts, by, block(group)[i]);
            const __m128i offset = _mm_mullo_epi32(sums, minus_zero);
            _mm_storeu_si128((__m128i *)offsets(group)[i].data(), offset);
            for (const float *&start : starts) {
                start += BLOCK;
            }
        }
    }
    find_factors(factors(group), spans());
}

} // namespace newsmill::NEWSMILL_WIDTH
