#include "kernels.h"

#include <cstdlib>
#include <sstream>
#include <string>

extern "C" const char *newsmill_kernels();

namespace newsmill {

bool is_on(const char *kernel) {
    const char *given = std::getenv("GGML_KERNELS_OFF");
    std::istringstream words(given == nullptr ? "" : given);
    for (std::string word; words >> word;) {
        if (word == kernel) {
            return false;
        }
    }
    return true;
}

} // namespace newsmill

// The kernels in use, by name; inference/kernels/__init__.py asks for them.
const char *newsmill_kernels() {
#ifdef NEWSMILL_KERNELS
    static const std::string names = [] {
        std::string found;
        for (const char *kernel : {"four_bit", "attention", "elementwise"}) {
            if (newsmill::is_on(kernel)) {
                found += (found.empty() ? "" : " ") + std::string(kernel);
            }
        }
        return found;
    }();
    return names.c_str();
#else
    return "";
#endif
}
