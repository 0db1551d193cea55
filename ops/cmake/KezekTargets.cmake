# SPDX-License-Identifier: Apache-2.0
# How every target of the project is compiled: kz_library(), kz_program(), kz_test() and kz_fuzz().

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(kz_options INTERFACE)
target_compile_definitions(kz_options INTERFACE _GNU_SOURCE KZ_VERSION="${PROJECT_VERSION}")
target_include_directories(kz_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kz_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough -Wdouble-promotion
    -fno-strict-aliasing -fno-common -fstack-protector-strong)
target_link_options(kz_options INTERFACE -Wl,-z,relro,-z,now)
if(KZ_WERROR)
    target_compile_options(kz_options INTERFACE -Werror)
endif()
if(KZ_SANITIZE)
    target_compile_options(kz_options INTERFACE -fsanitize=${KZ_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(kz_options INTERFACE -fsanitize=${KZ_SANITIZE})
endif()
if(KZ_CANARIES)
    target_compile_definitions(kz_options INTERFACE KZ_CANARIES)
endif()
if(KZ_FUZZ)
    target_compile_options(kz_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KZ_COVERAGE)
    target_compile_options(kz_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(kz_options INTERFACE -fprofile-instr-generate)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_definitions(kz_options INTERFACE _FORTIFY_SOURCE=2)
endif()

# kz_library(NAME sources... [LINKS libraries...]): a static library of the project.
function(kz_library name)
    cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
    add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PUBLIC kz_options ${arg_LINKS})
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# kz_program(NAME sources... [LINKS libraries...]): a program, put into the build tree's bin/.
function(kz_program name)
    cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE kz_options ${arg_LINKS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# kz_test(NAME sources... [LINKS libraries...]): a cmocka program that ctest runs. A build that is
# optimized when it is linked (release) makes one only when asked by name: each is compiled once
# more as a whole then, all together for longer than the programs, and other builds run them.
function(kz_test name)
    cmake_parse_arguments(arg "" "" "LINKS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE kz_options PkgConfig::cmocka ${arg_LINKS})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
        set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

# kz_fuzz(NAME DECODER file source [LINKS libraries...]): a libFuzzer program over the corpus
# tests/fuzz/corpus/NAME; DECODER names the source files whose line coverage is reported
# (tests/fuzz/run). Built only with KZ_FUZZ.
function(kz_fuzz name)
    if(NOT KZ_FUZZ)
        return()
    endif()
    cmake_parse_arguments(arg "" "" "DECODER;LINKS" ${ARGN})
    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE kz_options ${arg_LINKS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    list(JOIN arg_DECODER " " decoder)
    set_property(TARGET kz_options APPEND PROPERTY KZ_FUZZ_TARGETS "${name} ${decoder}")
endfunction()

# What tests/fuzz/run reads: a line for each fuzz target, its name and its decoder's files. Written
# whole each time the build system is generated.
if(KZ_FUZZ)
    file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/fuzz-targets.txt
        CONTENT "$<JOIN:$<TARGET_PROPERTY:kz_options,KZ_FUZZ_TARGETS>,\n>\n")
endif()
