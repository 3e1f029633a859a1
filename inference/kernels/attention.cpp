// Attention over a key-value cache in float16.
//
// llama.cpp computes it for one query head at a time. Where several query heads share a key head
// (four in Gemma-3-1B), each key and value is then fetched and widened once for each of them; and
// single rows, those of a decode step, are added up in float16. Here all heads that share a key
// are computed together, in float32, four rows of queries with some keys at a time, in tiles of
// keys with a running maximum (online softmax, arxiv.org/abs/1805.02867).
//
// A row's result depends on its own query and keys alone, bit for bit, whatever else is computed.
// Keys that it does not see count zero times; llama.cpp's caches hold finite numbers only.

#include "simd.h"
#include "width.h"

#include "vec.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace newsmill::NEWSMILL_WIDTH {

namespace {

constexpr int ROWS = 4;            // rows, a query head of a token each, that are computed together
constexpr int KEYS = 64;           // keys of a tile
constexpr int TOKENS = 16;         // tokens of a block: each tile is fetched once for all of them
constexpr int NEAR = 16;           // keys of a tile that stay in the nearest cache for all rows
constexpr int WIDEN_FROM = 8;      // rows from which on widening a whole tile beforehand pays

// The operands, and how many there are of each. Strides are in bytes.
struct Attention {
    const ggml_tensor *q, *k, *v, *mask, *out;
    int width;                     // of a head
    int tokens, keys;
    int heads, key_heads, shared;  // `shared` query heads to a key head
    float scale;

    explicit Attention(const ggml_tensor *result)
        : q(result->src[0]), k(result->src[1]), v(result->src[2]), mask(result->src[3]),
          out(result),
          width(q->ne[0]), tokens(q->ne[1]), keys(k->ne[1]), heads(q->ne[2]),
          key_heads(k->ne[2]), shared(heads / key_heads) {
        std::memcpy(&scale, out->op_params, sizeof scale);
    }

    const float *query(int token, int head, int stream) const {
        return (const float *)((const char *)q->data + token * q->nb[1] + head * q->nb[2] +
                               stream * q->nb[3]);
    }
    static const uint16_t *row(const ggml_tensor *cache, int key, int head, int stream) {
        return (const uint16_t *)((const char *)cache->data + key * cache->nb[1] +
                                  head * cache->nb[2] + stream * cache->nb[3]);
    }
    const uint16_t *mask_row(int token, int stream) const {
        return (const uint16_t *)((const char *)mask->data + token * mask->nb[1] +
                                  (stream % mask->ne[3]) * mask->nb[3]);
    }
    float *result(int token, int head, int stream) const {
        const size_t row = ((size_t)stream * tokens + token) * heads + head;
        return (float *)((char *)out->data + row * out->nb[1]);
    }
};

bool can_compute(const ggml_tensor *out) {
    const ggml_tensor *q = out->src[0], *k = out->src[1], *v = out->src[2], *mask = out->src[3];
    float max_bias, softcap;
    std::memcpy(&max_bias, (const float *)out->op_params + 1, sizeof max_bias);
    std::memcpy(&softcap, (const float *)out->op_params + 2, sizeof softcap);
    return mask != nullptr && out->src[4] == nullptr && max_bias == 0 && softcap == 0 &&
           q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16 &&
           mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && q->nb[0] == sizeof(float) &&
           k->nb[0] == sizeof(uint16_t) && v->nb[0] == sizeof(uint16_t) &&
           q->ne[0] % LANES == 0 && v->ne[0] == q->ne[0] && k->ne[1] % NEAR == 0 &&
           q->ne[2] % k->ne[2] == 0 && v->ne[2] == k->ne[2] && q->ne[3] == k->ne[3] &&
           v->ne[3] == k->ne[3];
}

// Rows of keys or values: `stride` elements from one to the next.
template <typename Element> struct Tile {
    const Element *data;
    size_t stride;

    Tile from(size_t row, size_t element) const { return {data + row * stride + element, stride}; }
};

#ifdef __AVX512F__

constexpr int TOGETHER = 4;        // keys whose scores are computed together
constexpr int PARTS = 4;           // registers of a value that are added to together

inline Floats add_pairs(Floats a, Floats b) {
    return _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
}

inline Floats add_lanes(Floats a, Floats b) {
    return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xDD);
}

// Add up each of four registers: the first's sum in each quarter's first lane, and so on.
inline Floats add_four(const Floats a[4]) {
    const __m512d x = _mm512_castps_pd(add_pairs(a[0], a[1]));
    const __m512d y = _mm512_castps_pd(add_pairs(a[2], a[3]));
    return _mm512_castpd_ps(_mm512_unpacklo_pd(x, y)) + _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
}

// Add up all lanes of each sum, and store the scores of each row.
inline void store_scores(const Floats sums[ROWS][TOGETHER], float *scores) {
    const Floats all = add_lanes(add_lanes(add_four(sums[0]), add_four(sums[1])),
                                 add_lanes(add_four(sums[2]), add_four(sums[3])));
    _mm_storeu_ps(scores, _mm512_castps512_ps128(all));
    _mm_storeu_ps(scores + KEYS, _mm512_extractf32x4_ps(all, 1));
    _mm_storeu_ps(scores + 2 * KEYS, _mm512_extractf32x4_ps(all, 2));
    _mm_storeu_ps(scores + 3 * KEYS, _mm512_extractf32x4_ps(all, 3));
}

#else

constexpr int TOGETHER = 2;
constexpr int PARTS = 2;

// Add up all lanes of each sum, and store the scores of each row.
inline void store_scores(const Floats sums[ROWS][TOGETHER], float *scores) {
    for (int row = 0; row < ROWS; row += 2) {
        const Floats first = _mm256_hadd_ps(sums[row][0], sums[row][1]);
        const Floats second = _mm256_hadd_ps(sums[row + 1][0], sums[row + 1][1]);
        const Floats halves = _mm256_hadd_ps(first, second);
        const __m128 all =
            _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
        _mm_storel_pi((__m64 *)(scores + row * KEYS), all);
        _mm_storeh_pi((__m64 *)(scores + (row + 1) * KEYS), all);
    }
}

#endif

// Begin to fetch elements that are needed soon. A step's rows wait for memory more than they
// compute: values are fetched while keys are scored, and the next keys while values are added up.
inline void prefetch(const uint16_t *place) { _mm_prefetch((const char *)place, _MM_HINT_T1); }
inline void prefetch(const float *) {} // widened a moment ago, and near

// Multiply four rows of queries with `keys` keys: scores[row][key].
template <typename Element>
void score(int width, int keys, const float *queries, Tile<Element> tile, Tile<Element> next,
           float *scores) {
    for (int key = 0; key < keys; key += TOGETHER) {
        const Element *first = tile.data + key * tile.stride;
        Floats sums[ROWS][TOGETHER];
        for (auto &row : sums) {
            for (Floats &sum : row) {
                sum = fill(0);
            }
        }
        for (int i = 0; i < width; i += LANES) {
            Floats own[TOGETHER];
            for (int j = 0; j < TOGETHER; j++) {
                own[j] = load(first + j * tile.stride + i);
                prefetch(next.data + (key + j) * next.stride + i);
            }
            for (int row = 0; row < ROWS; row++) {
                const Floats query = load(queries + row * width + i);
                for (int j = 0; j < TOGETHER; j++) {
                    sums[row][j] = multiply_add(query, own[j], sums[row][j]);
                }
            }
        }
        store_scores(sums, scores + key);
    }
}

// Add values, each times its key's weight, to COUNT registers' dimensions of four rows, which are
// first shrunk to what the new maximum makes of them.
template <int COUNT, typename Element>
void add_values(int width, int keys, const float *weights, const float *shrink,
                Tile<Element> tile, Tile<Element> next, float *sums) {
    Floats own[ROWS][COUNT];
    for (int row = 0; row < ROWS; row++) {
        for (int part = 0; part < COUNT; part++) {
            own[row][part] = load(sums + row * width + part * LANES) * shrink[row];
        }
    }
    for (int key = 0; key < keys; key++) {
        Floats values[COUNT];
        for (int part = 0; part < COUNT; part++) {
            values[part] = load(tile.data + key * tile.stride + part * LANES);
            prefetch(next.data + key * next.stride + part * LANES);
        }
        for (int row = 0; row < ROWS; row++) {
            const Floats weight = fill(weights[row * KEYS + key]);
            for (int part = 0; part < COUNT; part++) {
                own[row][part] = multiply_add(weight, values[part], own[row][part]);
            }
        }
    }
    for (int row = 0; row < ROWS; row++) {
        for (int part = 0; part < COUNT; part++) {
            store(sums + row * width + part * LANES, own[row][part]);
        }
    }
}

// What is known of a row after some tiles: the maximum of its scores, the sum of its weights.
struct Running {
    float maximum = -INFINITY;
    float total = 0;
};

// Make weights of a row's scores, in place; gives by how much the sums so far are to be shrunk.
float weigh(int keys, const uint16_t *mask, float *scores, Running &row) {
    Floats most = fill(row.maximum);
    for (int key = 0; key < keys; key += LANES) {
        const Floats score = load(scores + key) + load(mask + key);
        store(scores + key, score);
        most = greater(most, score);
    }
    const float maximum = find_greatest(most);
    // A row that may not see any key yet: every weight is zero, whatever is taken off.
    const float base = maximum == -INFINITY ? 0 : maximum;
    Floats sum = fill(0);
    for (int key = 0; key < keys; key += LANES) {
        const Floats weight = ggml_v_expf(load(scores + key) - base);
        store(scores + key, weight);
        sum = sum + weight;
    }
    const float shrink = row.maximum == maximum ? 1 : std::exp(row.maximum - base);
    row.maximum = maximum;
    row.total = row.total * shrink + add_up(sum);
    return shrink;
}

// Floats that begin with a cache line, so that no register is loaded from two of them.
class Buffer {
  public:
    Buffer() = default;
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() { std::free(floats); }

    // Have room for so many floats, of any value.
    void resize(size_t count) {
        if (count > room) {
            std::free(floats);
            room = (count + LINE - 1) / LINE * LINE;
            floats = (float *)std::aligned_alloc(LINE * sizeof(float), room * sizeof(float));
            GGML_ASSERT(floats != nullptr);
        }
    }
    // Have so many zeros.
    void clear(size_t count) {
        resize(count);
        std::fill(floats, floats + count, 0.0f);
    }
    float *data() { return floats; }

  private:
    static constexpr size_t LINE = 16; // floats of a cache line
    float *floats = nullptr;
    size_t room = 0;
};

// Rows of one block, and the room for them. Kept by each thread, and grown when needed.
struct Block {
    size_t rows = 0;               // a multiple of ROWS; those over the block's own stay zero
    int own_rows = 0;
    Buffer queries, sums, scores, keys, values;
    std::vector<float> shrink;
    std::vector<Running> running;

    void begin(int count, int width) {
        own_rows = count;
        rows = (count + ROWS - 1) / ROWS * ROWS;
        queries.clear(rows * width);
        sums.clear(rows * width);
        scores.clear(rows * KEYS);
        shrink.assign(rows, 1);
        running.assign(rows, Running());
    }
};

// Add one tile of keys to all rows of a block. Loops run so that the keys, or the part of the
// values, that all rows need next are in the nearest cache.
template <typename Element>
void add_tile(const Attention &a, Block &block, int first_token, int stream, int first_key,
              int keys, Tile<Element> key_tile, Tile<Element> value_tile) {
    const size_t width = a.width;
    for (int key = 0; key < keys; key += NEAR) {
        const Tile<Element> part = key_tile.from(key, 0), next = value_tile.from(key, 0);
        for (size_t row = 0; row < block.rows; row += ROWS) {
            float *scores = block.scores.data() + row * KEYS + key;
            score(a.width, NEAR, block.queries.data() + row * width, part, next, scores);
        }
    }
    for (int row = 0; row < block.own_rows; row++) {
        const uint16_t *mask = a.mask_row(first_token + row / a.shared, stream) + first_key;
        float *scores = block.scores.data() + (size_t)row * KEYS;
        block.shrink[row] = weigh(keys, mask, scores, block.running[row]);
    }
    const int parts = a.width % (PARTS * LANES) == 0 ? PARTS : 1;
    const auto add = parts == PARTS ? add_values<PARTS, Element> : add_values<1, Element>;
    for (size_t i = 0; i < width; i += parts * LANES) {
        const Tile<Element> part = value_tile.from(0, i), next = key_tile.from(KEYS, i);
        for (size_t row = 0; row < block.rows; row += ROWS) {
            add(a.width, keys, block.scores.data() + row * KEYS, block.shrink.data() + row, part, next,
                block.sums.data() + row * width + i);
        }
    }
}

// Widen the rows of a tile to float32.
void widen(Tile<uint16_t> tile, int keys, int width, Buffer &wide) {
    wide.resize((size_t)KEYS * width);
    for (int key = 0; key < keys; key++) {
        for (int i = 0; i < width; i += LANES) {
            store(wide.data() + key * width + i, load(tile.data + key * tile.stride + i));
        }
    }
}

bool sees_any(const Attention &a, int first_token, int tokens, int stream, int first_key, int keys) {
    const __m256i hidden = _mm256_set1_epi16((short)0xFC00); // minus infinity
    for (int token = first_token; token < first_token + tokens; token++) {
        const uint16_t *mask = a.mask_row(token, stream) + first_key;
        for (int key = 0; key < keys; key += NEAR) {
            const __m256i own = _mm256_loadu_si256((const __m256i *)(mask + key));
            if (_mm256_movemask_epi8(_mm256_cmpeq_epi16(own, hidden)) != -1) {
                return true;
            }
        }
    }
    return false;
}

void compute_block(const Attention &a, Block &block, int first_token, int key_head, int stream) {
    const int tokens = std::min(TOKENS, a.tokens - first_token);
    block.begin(tokens * a.shared, a.width);
    for (int row = 0; row < block.own_rows; row++) {
        const int head = key_head * a.shared + row % a.shared;
        const float *query = a.query(first_token + row / a.shared, head, stream);
        float *own = block.queries.data() + (size_t)row * a.width;
        for (int i = 0; i < a.width; i++) {
            own[i] = query[i] * a.scale;
        }
    }
    for (int key = 0; key < a.keys; key += KEYS) {
        int keys = std::min(KEYS, a.keys - key);
        while (keys > 0 && !sees_any(a, first_token, tokens, stream, key + keys - NEAR, NEAR)) {
            keys -= NEAR;
        }
        if (keys == 0) {
            continue;
        }
        const Tile<uint16_t> k{a.row(a.k, key, key_head, stream), a.k->nb[1] / sizeof(uint16_t)};
        const Tile<uint16_t> v{a.row(a.v, key, key_head, stream), a.v->nb[1] / sizeof(uint16_t)};
        if (block.rows < WIDEN_FROM) {
            add_tile(a, block, first_token, stream, key, keys, k, v);
            continue;
        }
        widen(k, keys, a.width, block.keys);
        widen(v, keys, a.width, block.values);
        const Tile<float> wide_k{block.keys.data(), (size_t)a.width};
        const Tile<float> wide_v{block.values.data(), (size_t)a.width};
        add_tile(a, block, first_token, stream, key, keys, wide_k, wide_v);
    }
    for (int row = 0; row < block.own_rows; row++) {
        const float total = block.running[row].total;
        const float factor = total == 0 ? 0 : 1 / total;
        const float *sums = block.sums.data() + (size_t)row * a.width;
        const int head = key_head * a.shared + row % a.shared;
        float *result = a.result(first_token + row / a.shared, head, stream);
        for (int i = 0; i < a.width; i++) {
            result[i] = sums[i] * factor;
        }
    }
}

void compute(const ggml_compute_params *params, const ggml_tensor *out) {
    static thread_local Block block;
    const Attention a(out);
    const int blocks = (a.tokens + TOKENS - 1) / TOKENS;
    const int units = blocks * a.key_heads * (int)a.q->ne[3];
    // Later blocks see more keys: dealt out in turn, each thread gets long and short ones.
    for (int unit = params->ith; unit < units; unit += params->nth) {
        const int rest = unit / blocks;
        const int first_token = unit % blocks * TOKENS;
        compute_block(a, block, first_token, rest % a.key_heads, rest / a.key_heads);
    }
}

} // namespace

bool attend(TENSOR_ARGUMENTS) {
    const bool known = can_compute(out);
    if (known) {
        compute(params, out);
    }
    return known;
}

} // namespace newsmill::NEWSMILL_WIDTH
