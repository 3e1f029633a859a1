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

# Our own kernels, put before llama.cpp's functions by the linker: docs/decisions/0012. All but
# kernels.cpp, which chooses when the program runs, are compiled twice: for AVX-512 VNNI and for AVX2.
# This file is read at each project() of the package; the outermost one waits for ggml-cpu.
set(NEWSMILL_KERNELS "${CMAKE_CURRENT_LIST_DIR}/inference/kernels")
function(newsmill_compile_width width)
  file(GLOB sources "${NEWSMILL_KERNELS}/*.cpp")
  list(REMOVE_ITEM sources "${NEWSMILL_KERNELS}/kernels.cpp")
  add_library(newsmill-${width} OBJECT ${sources})
  set(theirs "$<TARGET_PROPERTY:ggml-cpu")
  target_include_directories(newsmill-${width} PRIVATE "${theirs},INCLUDE_DIRECTORIES>")
  target_compile_definitions(newsmill-${width} PRIVATE
    "${theirs},COMPILE_DEFINITIONS>" NEWSMILL_WIDTH=${width})
  target_compile_features(newsmill-${width} PRIVATE cxx_std_17)
  target_compile_options(newsmill-${width} PRIVATE -mavx2 -mfma -mf16c ${ARGN})
  if(GGML_NATIVE)
    target_compile_options(newsmill-${width} PRIVATE -mtune=native)
  endif()
  set_target_properties(newsmill-${width} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_sources(ggml-cpu PRIVATE $<TARGET_OBJECTS:newsmill-${width}>)
endfunction()
function(newsmill_add_kernels)
  newsmill_compile_width(narrow)
  newsmill_compile_width(wide -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni)
  target_sources(ggml-cpu PRIVATE "${NEWSMILL_KERNELS}/kernels.cpp")
  foreach(name
      ggml_cpu_extra_compute_forward ggml_cpu_extra_work_size
      ggml_compute_forward_flash_attn_ext
      ggml_compute_forward_glu ggml_compute_forward_rms_norm_mul_fused)
    target_link_options(ggml-cpu PRIVATE "LINKER:--wrap=${name}")
  endforeach()
endfunction()
if(PROJECT_IS_TOP_LEVEL
   AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL newsmill_add_kernels)
endif()
