// The list of the kernels of one width.

#include "width.h"

namespace newsmill::NEWSMILL_WIDTH {

extern const Kernels kernels{multiply, find_room, attend, gate, normalise};

} // namespace newsmill::NEWSMILL_WIDTH
