# How llama.cpp is compiled when pip builds llama-cpp-python on the machine that will run it.
# The Makefile and the Dockerfile pass this file as CMAKE_PROJECT_INCLUDE; it is read right after
# the project() line of the package, where a plain `set` wins over the options that follow.

# Every instruction this CPU has. llama.cpp switches this off by itself when SOURCE_DATE_EPOCH is
# set, and then loses the fast int8 kernels (AVX-512 VNNI) without a word.
if(NOT DEFINED GGML_NATIVE)
  set(GGML_NATIVE ON)
endif()

# We use the library alone. Without the shared code of its command-line tools and without its
# image reader the build takes 1.5 minutes instead of 3.6 on two busy cores.
set(LLAMA_BUILD_COMMON OFF)
set(LLAVA_BUILD OFF)
